"""The start of the second stage: this process becomes it by an exec, and a child of it checks the configuration.

Both at a time, since each takes a sixth of a second or more of imports. What pydantic brings is gone with the child,
and with the exec every secret in the environment (docs/adr/0001-two-stage-start.md, 0107).
"""

from __future__ import annotations

import errno
import os
import sys
import time

from sensor.config.variables import ELSEWHERE, PREFIX

TYPE_CHECKING = False  # as `typing` has it, whose import takes as long as all else here
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sensor.config.handover import Handover

FAILED = 1
FORK_AGAIN_S = 1.0


def start(check: Callable[[], Handover | int], argv: Sequence[str]) -> int:
    """Become the second stage, which waits for what `check` returns: a handover, or the exit code to end with.

    `check` runs in a process forked from this one, where this returns the exit code of that. Here it returns, with 1,
    only when the kernel refuses. `argv` are the options that are checked.
    """
    try:
        descriptor = os.memfd_create("sensor-handover", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        sys.stdout.flush()
        checker = _forked()
        if checker == 0:
            return _told(check(), descriptor)
        os.set_inheritable(descriptor, True)
        arguments = command(descriptor, checker, traces=_may_trace(os.environ, argv))
        os.execve(sys.executable, arguments, environment(os.environ))  # noqa: S606 - our own interpreter
    except OSError as error:
        sys.stderr.write(f"fargate-sensor: the second stage cannot be started: {error}\n")
        return FAILED


def _forked() -> int:
    """As os.fork. Where no process more is allowed just now, this waits: to end would be a crash loop."""
    told = False
    while True:
        try:
            return os.fork()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOMEM):
                raise
            if not told:
                sys.stderr.write(f"fargate-sensor: no process can be started, and it waits until one can: {error}\n")
                sys.stderr.flush()
            told = True
            time.sleep(FORK_AGAIN_S)


def _may_trace(environ: Mapping[str, str], argv: Sequence[str]) -> bool:
    """Whether tracing may be asked for, which the second stage has to know before the settings are checked.

    Where it is not, after all, a launcher is there that nobody uses.
    """
    return environ.get("SENSOR_PROCESS", "").strip() == "trace" or "trace" in argv or "--process=trace" in argv


def command(descriptor: int, checker: int, *, traces: bool) -> list[str]:
    """The second stage's command line: from which descriptor it is told, once the process `checker` has ended.

    `-P` keeps modules of the working directory out. `-I` would also shut out user installations and the image's own
    PYTHON* variables. argv[0] stays the interpreter, because Python finds its libraries by it.
    """
    asked = ["--traces"] if traces else []  # has to be known before the handover is read
    return [sys.executable, "-P", "-m", "sensor.app", "--handover", str(descriptor), str(checker), *asked]


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The second stage's environment: proxies, certificates and the platform's variables, but no `SENSOR_*`.

    None of them, not only the token: the settings are in the handover, and a misspelt token is still a token. Nor those
    of AWS that were taken over from there.
    """
    taken = {key for key, _ in ELSEWHERE}
    return {key: value for key, value in environ.items() if not key.startswith(PREFIX) and key not in taken}


def _told(found: Handover | int, descriptor: int) -> int:
    """Whether by an exit code or in the descriptor; the exit code."""
    if isinstance(found, int):
        return found
    from sensor.config.sealing import seal

    seal(found, descriptor)
    return 0
