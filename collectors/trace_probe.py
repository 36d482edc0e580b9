"""Whether processes can be traced here, and if not, why, and what would mend it."""

import errno
import os
from collections.abc import Callable

from collectors import rights
from collectors.procfs import Procfs
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.protocols import Capability, Status

NO_ATTACH = 3
"""The value of kernel.yama.ptrace_scope that lets nobody attach (Documentation/admin-guide/LSM/Yama.rst)."""


def _kernel_refusal() -> OSError | None:
    try:
        from collectors.tracer.ptrace import refusal  # ctypes, which only who traces needs
    except AttributeError as error:  # a C library without one of the functions
        return OSError(errno.ENOSYS, str(error))
    return refusal()


def probe(
    procfs: Procfs,
    *,
    euid: int | None = None,
    kernel_refusal: Callable[[], OSError | None] = _kernel_refusal,
) -> Capability:
    """Unavailable with a reason, or ok.

    SYS_PTRACE is asked for even where an equal uid would be enough: the kernel takes the privileges of a setuid program
    that a tracer without it has attached to (security/commoncap.c), and so the app would change.
    """
    if (os.geteuid() if euid is None else euid) != 0:
        return _unavailable("the sensor does not run as root, and only root has SYS_PTRACE", "run the sensor as root")
    if rights.SYS_PTRACE not in (rights.effective(procfs.read("self/status", rights.STATUS_LIMIT)) or ()):
        lack = "no SYS_PTRACE: an equal uid is not enough, setuid programs would lose their privileges"
        return _unavailable(lack, rights.GRANT_PTRACE)
    if _yama_scope(procfs) >= NO_ATTACH:
        return _unavailable("kernel.yama.ptrace_scope is 3: nobody may attach", "a host with a lower ptrace_scope")
    if (refusal := kernel_refusal()) is not None:
        return _unavailable(f"ptrace is refused: {refusal.strerror}", "a seccomp profile that allows ptrace")
    return Capability(Status.OK)


def _yama_scope(procfs: Procfs) -> int:
    """0 where there is no Yama. 1 and 2 do not concern who has SYS_PTRACE."""
    try:
        return int(procfs.read("sys/kernel/yama/ptrace_scope", 16))
    except (ProcessGone, AccessDenied, ValueError):
        return 0


def _unavailable(reason: str, mend: str) -> Capability:
    return Capability(Status.UNAVAILABLE, f"{reason}; the cursor sees what it can", mend)
