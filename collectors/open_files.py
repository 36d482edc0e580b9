"""By which descriptors a process has a file open, what they are good for, and how far they have come."""

from collectors.procfs import Procfs
from collectors.socket_links import descriptors_of
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.protocols import OpenFile

UNKNOWN = -1


def openings(procfs: Procfs, pid: int, device: int, inode: int) -> list[OpenFile]:
    """The descriptors of that file, by device and inode (stat(2)). Raises ProcessGone, AccessDenied."""
    found = []
    for number, file in descriptors_of(procfs, pid, device, inode):
        flags, position = parse_fdinfo(procfs.read(f"{pid}/fdinfo/{number}", 4096))
        found.append(OpenFile(number, flags, position, file.size))
    written = _written(procfs, pid) if found else UNKNOWN
    return [one._replace(written=written) for one in found]


def parse_fdinfo(raw: bytes) -> tuple[int, int]:
    """The flags of open(2) and the position in bytes of an fdinfo (proc_pid_fdinfo(5)). Raises ProcessGone if torn."""
    fields = dict(line.split(b":", 1) for line in raw.splitlines() if b":" in line)
    try:
        return int(fields[b"flags"], 8), int(fields[b"pos"])
    except (KeyError, ValueError):
        raise ProcessGone(f"no fdinfo: {raw[:40]!r}") from None


def _written(procfs: Procfs, pid: int) -> int:
    """Bytes that the process has written since its fork, to anything (`wchar`, proc_pid_io(5)).

    `UNKNOWN` from a kernel without task I/O accounting.
    """
    try:
        fields = dict(line.split(b": ", 1) for line in procfs.read(f"{pid}/io", 4096).splitlines())
        return int(fields[b"wchar"])
    except (ProcessGone, AccessDenied, KeyError, ValueError):
        return UNKNOWN
