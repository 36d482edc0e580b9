"""The kernel's small files, as the sensor's own figures are read from them; psutil would take 0.9 MB of each sensor."""

import os
import resource
from collections.abc import Callable

TICKS = os.sysconf("SC_CLK_TCK")
"""Of a second, in which /proc/PID/stat has times."""
PAGE = resource.getpagesize()
UTIME, STIME, CUTIME, CSTIME, START = 11, 12, 13, 14, 19
"""Places in what `behind_name` gives."""

Read = Callable[[str], bytes]


def content(path: str) -> bytes:
    """The first 16 KiB of a file. Raises OSError."""
    with open(path, "rb", buffering=0) as file:
        return file.read(1 << 14)


def content_or_nothing(path: str, read: Read = content) -> bytes:
    """The same; nothing where it cannot be read, as of a process that has ended."""
    try:
        return read(path)
    except OSError:
        return b""


def behind_name(stat: bytes) -> list[bytes]:
    """The fields of /proc/PID/stat behind the name, which may hold anything (proc_pid_stat(5)); none of a torn one."""
    return stat.rpartition(b")")[2].split()
