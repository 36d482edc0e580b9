"""What a process may do: its effective user, its capabilities and its seccomp mode, from /proc/PID/status.

Always readable, whoever the process belongs to (proc_pid_status(5)).
"""

from typing import NamedTuple

from collectors.procfs import Procfs, parse_credentials

CAPABILITIES = (
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"),
    *("LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER"),
    *("SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE"),
    *("SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP"),
    *("MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF"),
    "CHECKPOINT_RESTORE",
)
"""By their numbers (include/uapi/linux/capability.h)."""

SYS_PTRACE = "SYS_PTRACE"
GRANT_PTRACE = (
    'ECS: linuxParameters.capabilities.add ["SYS_PTRACE"]; docker: --cap-add SYS_PTRACE; EKS Fargate allows none'
)
"""What to do where it is missing."""

DEFAULTS = frozenset(
    {"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE"}
    | {"NET_RAW", "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP"}
)
"""What root in a container has unless something is added or dropped (OCI runtimes, and so Fargate)."""

NO_SECCOMP = 0
MOST_BITS = 64
STATUS_LIMIT = 1 << 20
"""The capabilities stand behind the list of groups, of which there may be 65,536."""


class Rights(NamedTuple):
    """The effective uid; the capabilities that are in effect; the seccomp mode. None where the kernel does not tell."""

    uid: int
    capabilities: frozenset[str] | None
    seccomp: int | None

    @property
    def added(self) -> frozenset[str]:
        """Those capabilities that a container does not have by itself."""
        return (self.capabilities or frozenset()) - DEFAULTS


def read(procfs: Procfs, pid: int) -> Rights:
    """Raises ProcessGone."""
    return parse(procfs.read(f"{pid}/status", STATUS_LIMIT))


def parse(status: bytes) -> Rights:
    """A name cannot forge a line: the kernel escapes its newlines."""
    return Rights(parse_credentials(status).uid, effective(status), _number(status, b"\nSeccomp:", 10))


def effective(status: bytes) -> frozenset[str] | None:
    """The capabilities that are in effect; None where the kernel does not tell."""
    held = _number(status, b"\nCapEff:", 16)
    return None if held is None else named(held)


def named(bits: int) -> frozenset[str]:
    """The names of a mask's capabilities, without CAP_; one newer than the names here is its number."""
    return frozenset(_name(number) for number in range(MOST_BITS) if bits >> number & 1)


def has_users_of_its_own(procfs: Procfs, pid: int) -> bool:
    """Whether the process is in a user namespace that is not ours: what it may do there it may do nowhere else.

    Told by its mapping (user_namespaces(7)), since the namespace itself is shown only to who may trace the process.
    Raises ProcessGone and AccessDenied.
    """
    return procfs.read(f"{pid}/uid_map", 65_536) != procfs.read("self/uid_map", 65_536)


def _name(number: int) -> str:
    return CAPABILITIES[number] if number < len(CAPABILITIES) else str(number)


def _number(status: bytes, key: bytes, base: int) -> int | None:
    begin = status.find(key)
    words = status[begin + len(key) :].split(None, 1) if begin >= 0 else []
    try:
        return int(words[0], base) if words else None
    except ValueError:
        return None
