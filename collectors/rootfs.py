"""The only way into a container's file system. Everything below its root belongs to whoever attacks it.

A path is resolved by openat2(2) as if the container's root were ours: an absolute symbolic link or a chain of `..`
stays inside, and the magic links of /proc are refused. What is opened at first is only a handle (O_PATH), which has no
side effects on devices and FIFOs; it is checked to be what was expected and then used through /proc/self/fd.

File systems that answer over a network or from a process can hang whoever asks them, fstatfs(2) included, so they must
be recognised before they are entered. Callers that know the mounts (`collectors.mounts`) pass the remote ones;
`remote=None` means "not known", and then resolution does not leave the file system that the root is on.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from collectors import statx
from sensor.model.errors import AccessDenied, SensorError
from sensor.model.events import Timestamp
from sensor.model.protocols import Capability, Status

OPENAT2 = 437
"""The system call's number, the same on x86-64 and arm64."""

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_IN_ROOT = 0x10
"""include/uapi/linux/openat2.h"""

ATTEMPTS = 8
"""The kernel gives up with EAGAIN where a rename races with `..` in the path; it is asked again this often."""

READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Refused(SensorError):
    """The path leads to what must not be opened: another type than expected, or a file system that may hang."""


class _OpenHow(ctypes.Structure):
    """struct open_how, openat2(2)."""

    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long
_syscall.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t)


def open_handle(root_fd: int, path: bytes, *, follow: bool = False, remote: Sequence[bytes] | None = None) -> int:
    """An O_PATH descriptor of whatever is there, which the caller closes; `follow` a link in the last component.

    Raises AccessDenied, Refused, and OSError as it is (FileNotFoundError, ELOOP …). `path` is taken from the root,
    with a slash before it or not.
    """
    flags = os.O_PATH | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    return _resolve(root_fd, path, flags, remote)


def open_directory(root_fd: int, path: bytes, *, follow: bool = True, remote: Sequence[bytes] | None = None) -> int:
    """An O_PATH descriptor of a directory, which the caller closes. Raises like `open_handle`, and ENOTDIR."""
    flags = os.O_PATH | os.O_CLOEXEC | os.O_DIRECTORY | (0 if follow else os.O_NOFOLLOW)
    return _resolve(root_fd, path, flags, remote)


def open_file(root_fd: int, path: bytes, *, follow: bool = True, remote: Sequence[bytes] | None = None) -> int:
    """A regular file, opened for reading; the caller closes it. Raises like `open_handle`; Refused for other types."""
    with held(open_handle(root_fd, path, follow=follow, remote=remote)) as handle:
        return reopen_file(handle)


def reopen_file(handle: int) -> int:
    """What an O_PATH descriptor stands for, opened for reading if it is a regular file. Raises Refused, AccessDenied.

    Nothing else is opened: reading a FIFO or a device would block, or set something off.
    """
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        raise Refused(f"no regular file: {stat.filemode(mode)}")
    return _reopen(handle, READING)


def reopen_directory(handle: int) -> int:
    """A directory's O_PATH descriptor, opened for listing. Raises OSError (ENOTDIR), AccessDenied."""
    return _reopen(handle, READING | os.O_DIRECTORY)


def status(root_fd: int, path: bytes, *, remote: Sequence[bytes] | None = None) -> os.stat_result:
    """What is at the path itself, without following a link in its last component. Raises like `open_handle`.

    Where the remote mounts are known and it is none, only its directory is opened, so that no watch for opens fires:
    kernels before 6.10 take an open for a handle for one.
    """
    with unopened(root_fd, path, remote=remote) as (fd, name):
        return _status(fd, name)


def status_and_birth(
    root_fd: int, path: bytes, *, remote: Sequence[bytes] | None = None
) -> tuple[os.stat_result, Timestamp | None]:
    """The same, and when it was made (`statx.born_ns`); None where the kernel does not say."""
    with unopened(root_fd, path, remote=remote) as (fd, name):
        return status_and_birth_of(fd, name)


def status_and_birth_of(fd: int, name: bytes) -> tuple[os.stat_result, Timestamp | None]:
    """The same of what `unopened` gives. Raises OSError."""
    found = _status(fd, name)
    try:
        return found, statx.born_ns(fd, name)
    except OSError:
        return found, None


@contextmanager
def unopened(root_fd: int, path: bytes, *, remote: Sequence[bytes] | None = None) -> Iterator[tuple[int, bytes]]:
    """For the length of the block the directory of what is at the path, and its name there; where it cannot be but
    opened (`status`) its handle, and no name. Raises like `open_handle`."""
    directory, _, name = path.rpartition(b"/")
    if remote is not None and name not in (b"", b".", b".."):
        with held(open_directory(root_fd, directory or b"/", remote=remote)) as parent:
            if not remote or statx.place(parent, name).mount_id == statx.place(parent).mount_id:
                yield parent, name
                return
    with held(open_handle(root_fd, path, remote=remote)) as handle:
        yield handle, b""


@contextmanager
def held(fd: int) -> Iterator[int]:
    """The descriptor for the length of the block, closed in any case."""
    try:
        yield fd
    finally:
        os.close(fd)


def path_of_watch(fd: int) -> str:
    """The path by which the kernel takes a held descriptor where it asks for a path."""
    return f"/proc/self/fd/{fd}"


def capability() -> Capability:
    """Whether openat2 works here; without it no container's file system is entered."""
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(_openat2(root, b".", os.O_PATH | os.O_CLOEXEC, RESOLVE_IN_ROOT))
    except OSError as error:
        if error.errno == errno.ENOSYS:
            return Capability(Status.UNAVAILABLE, "the kernel has no openat2", "a kernel of 5.6 or later")
        reason = f"openat2 is refused: {error.strerror}"
        return Capability(Status.UNAVAILABLE, reason, "a seccomp profile that permits openat2")
    finally:
        os.close(root)
    return Capability(Status.OK)


def _status(fd: int, name: bytes) -> os.stat_result:
    return os.stat(name, dir_fd=fd, follow_symlinks=False) if name else os.fstat(fd)


def _resolve(root_fd: int, path: bytes, flags: int, remote: Sequence[bytes] | None) -> int:
    try:
        if remote is None:
            return _openat2(root_fd, path, flags, RESOLVE_NO_XDEV)
        if not remote:
            return _openat2(root_fd, path, flags, 0)
        return _around_remote(root_fd, path, flags, remote)
    except PermissionError as error:
        raise AccessDenied(f"{path!r}: {error.strerror}") from None


def _around_remote(root_fd: int, path: bytes, flags: int, remote: Sequence[bytes]) -> int:
    """Resolve without touching a remote mount point, where the kernel might already wait for its server.

    On the root's own file system anything goes. A path that crosses mounts is taken only as it is written, so that
    the comparison with the mount points holds.
    """
    if _is_below(b"/", remote):
        raise Refused(f"{path!r}: the container's root is on a remote file system")
    try:
        return _openat2(root_fd, path, flags, RESOLVE_NO_XDEV)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    if _is_below(path, remote):
        raise Refused(f"{path!r}: on a remote file system")
    try:
        return _openat2(root_fd, path, flags, RESOLVE_NO_SYMLINKS)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise Refused(f"{path!r}: may lead to a remote file system") from None


def _is_below(path: bytes, points: Sequence[bytes]) -> bool:
    plain = os.path.normpath(b"/" + path.lstrip(b"/"))
    return any(point in (plain, b"/") or plain.startswith(point + b"/") for point in points)


def _openat2(root_fd: int, path: bytes, flags: int, resolve: int) -> int:
    """One openat2(2) below the root. Raises OSError."""
    if b"\0" in path:
        raise OSError(errno.EINVAL, "a path with a NUL byte", path)
    how = _OpenHow(flags, 0, resolve | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    for _ in range(ATTEMPTS):
        fd = int(_syscall(OPENAT2, root_fd, path, ctypes.byref(how), ctypes.sizeof(how)))
        if fd >= 0:
            return fd
        number = ctypes.get_errno()
        if number not in (errno.EAGAIN, errno.EINTR):
            break
    raise OSError(number, os.strerror(number), path)


def _reopen(handle: int, flags: int) -> int:
    try:
        return os.open(path_of_watch(handle), flags)
    except PermissionError as error:
        raise AccessDenied(f"not readable: {error.strerror}") from None
