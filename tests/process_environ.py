"""The environment of a process, as anybody who may look at it finds it."""

from pathlib import Path


def visible_environ(pid: int) -> bytes:
    """All of it; nothing where the process has closed it, and whoever looks has no SYS_PTRACE (PR_SET_DUMPABLE)."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except PermissionError:
        return b""
