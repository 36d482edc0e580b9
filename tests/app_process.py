"""An app under observation: a child process that executes what the test tells it to, one piece of code at a time."""

import json
import subprocess
import sys
from types import TracebackType
from typing import Any

_LOOP = """
import json, sys
names = {}
for line in sys.stdin:
    names["out"] = None
    exec(json.loads(line), names)
    print(json.dumps(names["out"]), flush=True)
"""


class AppProcess:
    """Used as a context manager; ends with the block, and its sockets with it."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", _LOOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._child.pid

    def __enter__(self) -> "AppProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.kill()
        self._child.communicate()

    def do(self, code: str) -> Any:
        """Execute code in the app and wait for it; gives what the code assigned to `out`."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(code) + "\n")
        self._child.stdin.flush()
        answer = self._child.stdout.readline()
        assert answer, f"the app ended in: {code}"
        return json.loads(answer)
