"""Plain one-line logs on standard error: `2026-11-24T02:28:00Z warning sensor.pipeline: message`.

They go through the standard `logging`, which asyncio has imported anyway. Whatever a workload put into a name cannot
forge or break a line: control characters are escaped.
"""

import logging
import sys
import time
import traceback
from types import TracebackType
from typing import TextIO

from sensor.model.counters import Counters

QUIET = ("httpx", "httpcore", "asyncio")
"""Libraries that would tell of every request; from them only warnings are written."""

_FRAMES = 4
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def wordless(error: BaseException) -> str:
    """`ValueError at a.py:1, b.py:2`, without the error's text: that may quote what is not masked yet."""
    return f"{type(error).__name__} at {_places(error.__traceback__)}"


def configure(level: str, counters: Counters | None = None, stream: TextIO | None = None) -> None:
    """Send all logs from `level` (debug, info, warning, error) upwards to the stream, by default standard error."""
    handler = LineHandler(stream or sys.stderr, counters or Counters())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class LineHandler(logging.Handler):
    """Writes each record as one line; a stream that takes no more is counted as `log_line`, and never raises."""

    def __init__(self, stream: TextIO, counters: Counters) -> None:
        super().__init__()
        self._stream = stream
        self._counters = counters

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._stream.write(line(record) + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream was closed
            self._counters.lost("log_line")


def line(record: logging.LogRecord) -> str:
    """The record as one printable line without its line end."""
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
    text = f"{record.name}: {_message(record)}{_error(record.exc_info)}"
    return f"{when} {record.levelname.lower()} {printable(text)}"


def printable(text: str) -> str:
    """The text with all that is not printable escaped, so that it can neither end a line nor drive a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a format that does not fit its arguments must not cost the line
        return f"{record.msg} {record.args}"


def _error(info: _ExcInfo | None) -> str:
    """` (ValueError: text; at a.py:1, b.py:2)`: the innermost frames, nearest last."""
    if info is None or info[1] is None:
        return ""
    return f" ({type(info[1]).__name__}: {info[1]}; at {_places(info[2])})"


def _places(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)[-_FRAMES:]
    return ", ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames)
