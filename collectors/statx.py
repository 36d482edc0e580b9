"""statx(2), which Python does not offer: the birth time, the mount, and no question to a file system's server."""

import ctypes
import errno
import os
import struct
from typing import NamedTuple

from sensor.model.events import Timestamp

NS = 1_000_000_000

_INODE, _SIZE_BYTES, _BIRTH, _MOUNT = 0x0100, 0x0200, 0x0800, 0x1000
_BASIC = 0x07FF
_AT_FDCWD = -100
_NO_FOLLOW, _NO_AUTOMOUNT, _EMPTY_PATH, _DONT_SYNC = 0x0100, 0x0800, 0x1000, 0x4000
_SIZE = 256
_FIELDS = struct.Struct("=I28xQQ32xqI44xIIQ")
"""Of struct statx (include/uapi/linux/stat.h): mask, inode, size, birth in s and ns, device, mount."""
_VERSION = struct.Struct("=28xHxxQQ48xqI28xII")
"""Of the same: mode, inode, size, change in s and ns, device."""

_Buffer = ctypes.c_char * _SIZE

_libc = ctypes.CDLL(None, use_errno=True)
_libc.statx.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)


class Place(NamedTuple):
    """Where a file is: numbers that no two mounts share while both exist."""

    mount_id: int
    device: int


class Cached(NamedTuple):
    """Which file it is, and its size in bytes, as far as the kernel has it in memory."""

    device: int
    inode: int
    size: int


def place(fd: int, name: bytes = b"") -> Place:
    """Where the file of a descriptor is, O_PATH ones included, or what has the name in a directory. Raises OSError;
    ENOSYS from a kernel before 5.8.

    Nothing that a server keeps is asked for, so one that hangs hangs nobody (fs/fuse/dir.c, fs/nfs/inode.c).
    """
    mask, *_, major, minor, mount = _statx(fd, 0, name)
    if not mask & _MOUNT:
        raise OSError(errno.ENOSYS, "statx tells no mount")
    return Place(mount, os.makedev(major, minor))


def born_ns(fd: int, name: bytes = b"") -> Timestamp | None:
    """When the file of a descriptor was made, or what has the name in a directory; None where the file system does not
    keep it or has it as 0. May ask a server. Raises OSError.

    On an overlay it is the time when the image was unpacked or, for what was changed since, the time of the change.
    """
    mask, _, _, seconds, ns, *_ = _statx(fd, _BIRTH, name)
    return Timestamp(seconds * NS + ns) if mask & _BIRTH and seconds else None


def cached(link: str) -> Cached:
    """What a descriptor in /proc/PID/fd stands for. Raises OSError.

    As in `place` no server is asked: of a file that is open the kernel has this, from when it last was.
    """
    _, inode, size, _, _, major, minor, _ = _statx(_AT_FDCWD, _INODE | _SIZE_BYTES, os.fsencode(link), follow=True)
    return Cached(os.makedev(major, minor), inode, size)


def version(path: bytes) -> tuple[int, int, int, int, int]:
    """Device, inode, mode, change time in ns and size of what a path leads to, as far as the kernel has it in memory.
    Raises OSError."""
    mode, inode, size, seconds, ns, major, minor = _statx(_AT_FDCWD, _BASIC, path, follow=True, form=_VERSION)
    return os.makedev(major, minor), inode, mode, seconds * NS + ns, size


def _statx(
    fd: int, fields: int, name: bytes = b"", *, follow: bool = False, form: struct.Struct = _FIELDS
) -> tuple[int, ...]:
    buffer = _Buffer()
    flags = _NO_AUTOMOUNT | (0 if follow else _NO_FOLLOW) if name else _EMPTY_PATH
    if _libc.statx(fd, name, flags | _DONT_SYNC, fields, buffer) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return form.unpack_from(buffer)
