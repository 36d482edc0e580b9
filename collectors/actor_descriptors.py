"""Which processes can have written to a file, or opened it, by the descriptors that they hold right now."""

import os
from collections import OrderedDict

from sensor.model.protocols import OpenFile, TaskView

Key = tuple[str, bytes]
"""A container and a path in it."""

MOST_FILES = 256
"""Changed files of which it is remembered who had them open how far."""


class Descriptors:
    """Looks at the descriptors of other processes; what was found of a file holds for one turn."""

    def __init__(self, task: TaskView) -> None:
        self._task = task
        self._found: dict[tuple[int, int], dict[int, tuple[OpenFile, ...]]] = {}
        self._positions: OrderedDict[Key, dict[tuple[int, int], int]] = OrderedDict()
        self._before: dict[Key, frozenset[tuple[str, int]]] = {}

    def new_turn(self) -> None:
        """What was found may not hold any more."""
        self._found.clear()

    def writers(self, key: Key, status: os.stat_result, *, created: bool) -> list[int]:
        """The PIDs that hold the file open for writing, stand at its end, and have written something.

        Whoever wrote last stands at the end. Who has the file open since long and did not write now does not, or stands
        where it stood when the file was looked at before. A child that inherited the descriptor has written nothing. A
        file that was just created may be empty, and what created it need not have written.
        """
        holders = self._holders(status)
        before = self._positions.pop(key, {})
        self._positions[key] = {(pid, file.number): file.position for pid, files in holders.items() for file in files}
        if len(self._positions) > MOST_FILES:
            self._positions.popitem(last=False)
        return [
            pid
            for pid, files in holders.items()
            if any(_is_writer(file, created) and before.get((pid, file.number)) != file.position for file in files)
        ]

    def openers(self, key: Key, status: os.stat_result) -> list[int]:
        """The PIDs that hold the file by a descriptor that they did not have when it was last looked at."""
        if key not in self._before:
            return []
        before, now = self._before[key], self._holding(status)
        self._before[key] = frozenset(now)
        return sorted({pid for one, pid in now.items() if one not in before})

    def watched(self, key: Key, status: os.stat_result) -> None:
        """From now on it is told when the file is opened."""
        self._before[key] = frozenset(self._holding(status))

    def unwatched(self, key: Key) -> None:
        """From now on it is not: it is gone, or there was no room."""
        self._before.pop(key, None)

    def forget(self, container: str) -> None:
        """The container has ended, and its files are watched no more."""
        for key in [key for key in self._positions if key[0] == container]:
            del self._positions[key]

    def _holding(self, status: os.stat_result) -> dict[tuple[str, int], int]:
        """The PIDs by (entity, descriptor)."""
        found = {}
        for pid, files in self._holders(status).items():
            process = self._task.process(pid)
            if process is not None:
                found.update({(process.entity, file.number): pid for file in files})
        return found

    def _holders(self, status: os.stat_result) -> dict[int, tuple[OpenFile, ...]]:
        file = (status.st_dev, status.st_ino)
        if file not in self._found:
            self._found[file] = {pid: self._task.openings(pid, *file) for pid in self._task.holders_of(*file)}
        return self._found[file]


def _is_writer(file: OpenFile, created: bool) -> bool:
    if file.flags & os.O_PATH or file.flags & os.O_ACCMODE == os.O_RDONLY:
        return False
    if created and file.size == file.position == 0:
        return True
    return file.position == file.size > 0 and file.written != 0
