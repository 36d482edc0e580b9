"""What stands in for inotify where it is refused: nothing is told, and the directories are compared again and again.

What came and went between two comparisons is not seen, nor who did it; opens are not seen at all.
"""

import os

from collectors.inotify_stream import Notice

POLL_S = 10.0
"""Between two comparisons: about 3,000 files in an image, 30 ms."""


class NoNotices:
    """Counts directories where an `InotifyStream` would watch them."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, int], int] = {}
        self._keys: dict[int, tuple[int, int]] = {}
        self._last = 0

    def add(self, place: int, _mask: int = 0, *, is_directory: bool = True, name: bytes = b"") -> int:  # noqa: ARG002
        """A number for what an `InotifyStream` would watch; the same one again has the same number. Raises OSError as
        stat(2) does."""
        status = os.stat(name, dir_fd=place, follow_symlinks=False) if name else os.fstat(place)
        key = (status.st_dev, status.st_ino)
        if key not in self._numbers:
            self._last += 1
            self._numbers[key] = self._last
            self._keys[self._last] = key
        return self._numbers[key]

    def remove(self, wd: int) -> None:
        """The directory is left alone from now on."""
        if (key := self._keys.pop(wd, None)) is not None:
            del self._numbers[key]

    def read(self) -> list[Notice]:
        """Never anything."""
        return []

    def discard(self) -> bool:
        """Nothing to discard."""
        return False
