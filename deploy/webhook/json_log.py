"""Logs as one JSON object a line."""

import json
import logging
import sys
import time
from typing import TextIO


def configure(stream: TextIO | None = None) -> None:
    """Send all logs from `info` upwards to the stream, by default standard error."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


class JsonLines(logging.Formatter):
    """`{"time", "level", "logger", "message", …}`; what a record has as `fields` (`extra=`) stands beside them."""

    def format(self, record: logging.LogRecord) -> str:
        """Control characters, line ends among them, are escaped by JSON."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{seconds}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)
