"""The spool's directory: private, held by one sensor, and never left through a symlink.

Whoever else mounts the volume may put anything there. Every name is opened relative to the directory's descriptor with
O_NOFOLLOW (open(2)), must be a plain file of ours, and is read up to a bound.
"""

import fcntl
import os
import stat
from contextlib import suppress
from itertools import islice

NAME = "fargate-sensor-spool"
MOST_FILES = 100_000
"""Names looked at in the directory; a spool has hundreds, and no more than `spool.MOST_SEGMENTS`."""

_PRIVATE = 0o700
_OPEN = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a FIFO in the place of a file must not hold us up


class SpoolDirectory:
    """Held from `__init__` to `close`. All methods raise OSError."""

    def __init__(self, parent: str) -> None:
        """Make the directory below `parent` where it is missing, and take hold of it."""
        path = os.path.join(parent, NAME)
        with suppress(FileExistsError):
            os.mkdir(path, _PRIVATE)
        self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self._lock = -1
        try:
            self._make_private()
            self._lock = self.open("lock", os.O_RDWR | os.O_CREAT)
            self._take(path)
        except OSError:
            self.close()
            raise

    def names(self) -> list[str]:
        """The names in the directory, at most `MOST_FILES`."""
        with os.scandir(self._fd) as entries:
            return sorted(entry.name for entry in islice(entries, MOST_FILES))

    def open(self, name: str, flags: int) -> int:
        """A descriptor of a plain file of ours, made private where it is made."""
        fd = os.open(name, flags | _OPEN, 0o600, dir_fd=self._fd)
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink > 1:
            os.close(fd)
            raise PermissionError(f"{name} is no plain file of our own")
        return fd

    def read(self, name: str, most: int) -> bytes:
        """The content of a file; OSError where it has more than `most` bytes."""
        fd = self.open(name, os.O_RDONLY)
        with os.fdopen(fd, "rb") as file:
            raw = file.read(most + 1)
        if len(raw) > most:
            raise OSError(f"{name} has more than {most} bytes")
        return raw

    def replace(self, name: str, content: bytes) -> None:
        """Write a file whole: beside, synced, renamed, and the directory synced."""
        self.remove(f"{name}.new")
        fd = self.open(f"{name}.new", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(fd)
        self.rename(f"{name}.new", name)

    def rename(self, name: str, new: str) -> None:
        """Rename for good."""
        os.rename(name, new, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        os.fsync(self._fd)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._fd)

    def close(self) -> None:
        """Let go. Safe to call more than once."""
        for fd in (self._fd, self._lock):
            if fd >= 0:
                os.close(fd)
        self._fd = self._lock = -1

    def _make_private(self) -> None:
        found = os.fstat(self._fd)
        if found.st_uid != os.geteuid():
            raise PermissionError(f"{NAME} belongs to uid {found.st_uid}")
        if stat.S_IMODE(found.st_mode) != _PRIVATE:
            os.fchmod(self._fd, _PRIVATE)

    def _take(self, path: str) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(f"{path} is in use by another sensor") from None
