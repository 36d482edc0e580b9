"""The stand-in for a web server, which does what it is sent: a copy of the shell under the name php-fpm.

Its orders come through a pipe that only the demo can write to, and it gets nothing of the demo's environment.
"""

import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import IO, cast

from sensor.demo.child import end_with
from sensor.demo.steps import Step

NAME = "php-fpm"
SERVES = 'while read -r line; do eval "$line"; done'
"""One line after the other; a shell that it starts reads on where it stopped."""
STEP_S = 10.0
"""How long a step may take."""
ENDS_S = 2.0
READ_BYTES = 4096


class Intruder:
    """Use as a context: on leaving it the process and what it started have ended."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._steps = 0

    def __enter__(self) -> "Intruder":
        """Start the stand-in. Raises OSError, also where programs may not be run from the directory."""
        program = self._directory / NAME
        shutil.copy(shutil.which("sh") or "/bin/sh", program)
        self._process = subprocess.Popen(  # noqa: S603 - our own copy
            ["sh", "-c", SERVES],  # noqa: S607 - "sh" because some are a program of many names, which looks at this one
            executable=program,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._directory), "LC_ALL": "C"},
            cwd=self._directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with(os.getpid()),  # safe: the demo has no threads
        )
        self._orders = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)
        return self

    @property
    def pid(self) -> int:
        """Of the stand-in."""
        return self._process.pid

    def play(self, step: Step) -> bool:
        """Do a step and wait until it is done; False when it was not within `STEP_S`, or the stand-in has ended."""
        self._steps += 1
        done = f"step {self._steps} is done"
        try:
            self._orders.write("\n".join([*step.lines[:-1], f"{step.lines[-1]}; echo {done}\n"]).encode())
            self._orders.flush()
        except BrokenPipeError:
            return False
        return self._says(done.encode())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:  # closes the pipes: the shells come to their end
            try:
                self._process.communicate(timeout=ENDS_S)
            except (subprocess.TimeoutExpired, BrokenPipeError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _says(self, text: bytes) -> bool:
        stream, said, until = self._answers.fileno(), b"", time.monotonic() + STEP_S
        while text not in said:
            ready, _, _ = select.select([stream], [], [], max(0.0, until - time.monotonic()))
            piece = os.read(stream, READ_BYTES) if ready else b""
            if not piece:
                return False
            said += piece
        return True
