"""A child process that never outlives the demo, with its log in a file."""

import ctypes
import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
_TROUBLE = re.compile(r"^\S+( \S+)? (warning|error|critical) ", re.IGNORECASE)
"""The level of a log line, after its date and time."""


class Child:
    """A command in a session of its own: Ctrl-C reaches the demo, which ends its children in order."""

    def __init__(self, name: str, command: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._log = log
        self._told = 0
        with log.open("wb") as stream:
            self._process = subprocess.Popen(  # noqa: S603 - a command of this package
                list(command),
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                preexec_fn=end_with(os.getpid()),  # safe: the demo has no threads
            )

    def code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def stop(self, within: float) -> int:
        """Ask it to end, and make it after `within` seconds. The exit code, negative for a signal."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                return self._process.wait(within)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()

    def log(self) -> list[str]:
        """All that it said so far."""
        return self._log.read_text(encoding="utf-8", errors="backslashreplace").splitlines()

    def new_trouble(self) -> list[str]:
        """The warnings and errors since the last call."""
        lines = self.log()
        fresh, self._told = lines[self._told :], len(lines)
        return [line for line in fresh if _TROUBLE.match(line)]


def end_with(parent: int) -> Callable[[], None]:
    """For the time between fork and exec: the kernel shall send SIGTERM when the demo ends, however it does."""
    prctl = ctypes.CDLL(None).prctl

    def before_exec() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # it ended before the line above

    return before_exec
