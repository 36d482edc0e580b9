"""The exec from the first stage, which validated, to the second, which collects in a process of its own making.

What pydantic brought is gone after the exec (51 → 31 MB), and so is every secret in the environment.
"""

import logging
import os
import sys
from collections.abc import Mapping

from sensor.config.handover import Handover
from sensor.config.sealing import seal
from sensor.config.sources import ELSEWHERE, PREFIX

log = logging.getLogger(__name__)


def start(handover: Handover) -> int:
    """Become the second stage. Returns, with 1, only when the kernel refuses."""
    try:
        traces = handover.settings.process == "trace"
        descriptor = seal(handover)
        os.set_inheritable(descriptor, True)
        sys.stdout.flush()
        os.execve(sys.executable, command(descriptor, traces=traces), environment(os.environ))  # noqa: S606 - our own interpreter
    except OSError:
        log.exception("the second stage cannot be started")
        return 1


def command(descriptor: int, *, traces: bool = False) -> list[str]:
    """The second stage's command line.

    `-P` keeps modules of the working directory out. `-I` would also shut out user installations and the image's own
    PYTHON* variables. argv[0] stays the interpreter, because Python finds its libraries by it.
    """
    asked = ["--traces"] if traces else []  # has to be known before the handover is read
    return [sys.executable, "-P", "-m", "sensor.app", "--handover", str(descriptor), *asked]


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The second stage's environment: proxies, certificates and the platform's variables, but no `SENSOR_*`.

    None of them, not only the token: the settings are in the handover, and a misspelt token is still a token. Nor those
    of AWS that were taken over from there.
    """
    taken = {key for key, _ in ELSEWHERE}
    return {key: value for key, value in environ.items() if not key.startswith(PREFIX) and key not in taken}
