"""One inotify instance (inotify(7)): watches by descriptor, and the notices that the kernel queued.

The constants are inotify_simple's. Its `INotify` is not used: it runs ldconfig to find the C library, reads the whole
queue into one buffer however long it is, and has file names as text where paths are built from bytes.
"""

import ctypes
import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

from inotify_simple import flags

from collectors.rootfs import path_of_watch

CREATE = int(flags.CREATE)
MODIFY = int(flags.MODIFY)
OPEN = int(flags.OPEN)
CLOSE_WRITE = int(flags.CLOSE_WRITE)
ATTRIB = int(flags.ATTRIB)
DELETE = int(flags.DELETE)
MOVED_FROM = int(flags.MOVED_FROM)
MOVED_TO = int(flags.MOVED_TO)
MOVE_SELF = int(flags.MOVE_SELF)
IGNORED = int(flags.IGNORED)
IS_DIRECTORY = int(flags.ISDIR)
OVERFLOW = int(flags.Q_OVERFLOW)

ALWAYS = int(flags.MASK_ADD)
"""A second watch of a place adds to the first."""

DIRECTORY = int(flags.ONLYDIR | flags.EXCL_UNLINK)
"""Nothing from files in it that were deleted. Of a single file one of several names may be."""
NO_LINK = int(flags.DONT_FOLLOW)

READ_BYTES = 65_536
"""Room for 2,048 notices of usual names, and for any single one."""

DISCARDS = 4
DISCARD_BYTES = 1 << 20
"""Read at a time where nobody looks at it: a full queue of usual names."""

_RECORD = struct.Struct("iIII")
"""struct inotify_event without its name: wd, mask, cookie, bytes of the name with its padding."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)


class Notice(NamedTuple):
    """What the kernel says of a watched directory; `name` is empty where it is about the directory itself."""

    wd: int
    mask: int
    cookie: int
    name: bytes


class InotifyStream:
    """An open instance. Raises OSError where none can be had: EMFILE when fs.inotify.max_user_instances are in use."""

    def __init__(self) -> None:
        self._fd = _checked(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))

    def close(self) -> None:
        """Release the instance and with it all watches."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def fileno(self) -> int:
        """Readable when there are notices."""
        return self._fd

    def add(self, place: int, mask: int, *, is_directory: bool = True, name: bytes = b"") -> int:
        """Watch what an O_PATH descriptor stands for, which may be closed afterwards; the watch descriptor. With `name`
        what has it in that directory, which is not opened for it.

        What is watched already keeps its watch descriptor. Raises OSError: ENOSPC where fs.inotify.max_user_watches
        are in use, ENOTDIR where a directory was expected, EACCES where it is not readable.
        """
        path = path_of_watch(place).encode() + (b"/" + name if name else b"")
        kind = (DIRECTORY if is_directory else 0) | (NO_LINK if name else 0)
        return _checked(_libc.inotify_add_watch(self._fd, path, mask | ALWAYS | kind))

    def remove(self, wd: int) -> None:
        """Watch no more. A watch that went with its directory is none: that is no error."""
        _libc.inotify_rm_watch(self._fd, wd)

    def read(self) -> list[Notice]:
        """What is queued, up to `READ_BYTES`, oldest first; empty when nothing is."""
        try:
            return list(parse(os.read(self._fd, READ_BYTES)))
        except BlockingIOError:
            return []

    def discard(self) -> bool:
        """Empty the queue without a look at it; whether something was there."""
        found = False
        for _ in range(DISCARDS):  # who fills the queue may be faster than we are
            try:
                os.read(self._fd, DISCARD_BYTES)
            except BlockingIOError:
                break
            found = True
        return found


def parse(data: bytes) -> Iterator[Notice]:
    """The notices in what was read from an instance; the kernel only gives whole ones."""
    position, end = 0, len(data)
    while position < end:
        wd, mask, cookie, size = _RECORD.unpack_from(data, position)
        position += _RECORD.size + size
        yield Notice(wd, mask, cookie, data[position - size : position].rstrip(b"\0"))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
