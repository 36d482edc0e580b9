"""What a file's change time says of what is written through a shared mapping of it (mmap(2)).

The first write to a page moves the time, the next ones do not until the kernel has written the page back: then it makes
the page read-only again (mm/page-writeback.c, folio_clear_dirty_for_io). In memory nothing is written back.

An exec does not help: on an overlay it is refused only while the file is open for writing, not while it is mapped.
"""

import ctypes
import errno
import os

_IN_MEMORY = frozenset({0x0102_1994, 0x8584_58F6, 0x9584_58F6})
"""The types of tmpfs (memfd_create(2) too), ramfs and hugetlbfs (include/uapi/linux/magic.h)."""
_STATFS_BYTES = 256
"""Room for struct statfs, whose first word is the type (statfs(2))."""

_libc = ctypes.CDLL(None, use_errno=True)


def are_kept(fd: int) -> bool:
    """Whether the file system of a descriptor, an O_PATH one too, moves them for what is written through a mapping.

    To be asked of local files only, since a server would be asked. An overlay over memory is not noticed.
    """
    buffer = ctypes.create_string_buffer(_STATFS_BYTES)
    if _libc.fstatfs(fd, buffer) != 0:
        return False
    return ctypes.c_ulong.from_buffer(buffer).value not in _IN_MEMORY


def settle(fd: int) -> bool:
    """Have the file written back, so that whatever changes it from now on moves its time; False where that failed.

    Costs nothing for a file of an image's layers, which nobody can change (fs/overlayfs/file.c, ovl_fsync).
    """
    try:
        os.fdatasync(fd)
    except OSError as error:
        return error.errno == errno.EINVAL  # a file system that is never written, squashfs say
    return True
