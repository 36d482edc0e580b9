"""Which processes can have written to a file, or opened it, by the descriptors that they hold right now."""

import os
from collections import OrderedDict
from typing import NamedTuple

from collectors.file_holders import UNASKED
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.events import Timestamp
from sensor.model.protocols import OpenFile, TaskView

Key = tuple[str, bytes]
"""A container and a path in it."""

MOST_FILES = 256
"""Changed files of which it is remembered who had them open how far."""

TURN_S = 0.1
"""How long searches may take in one turn, in which nobody else on the loop has his; many files may be told at once."""


class _Look(NamedTuple):
    """Who had a file open at that time (wall time, ns), by entity and descriptor. `whole`: nobody was left out for want
    of time."""

    holding: frozenset[tuple[str, int]]
    at_ns: Timestamp
    whole: bool


class _Found(NamedTuple):
    """By which descriptors who has a file open; `whole` as in a look."""

    holders: dict[int, tuple[OpenFile, ...]]
    whole: bool


class Descriptors:
    """Looks at the descriptors of other processes; what was found of a file holds for one turn."""

    def __init__(self, task: TaskView, counters: Counters, clock: Clock) -> None:
        self._task = task
        self._counters = counters
        self._clock = clock
        self._found: dict[tuple[int, int], _Found] = {}
        self._searched = 0.0
        self._positions: OrderedDict[Key, dict[tuple[int, int], int]] = OrderedDict()
        self._before: dict[Key, _Look] = {}

    def new_turn(self) -> None:
        """What was found may not hold any more, and there is time again."""
        self._found.clear()
        self._searched = 0.0

    def writers(self, key: Key, status: os.stat_result, *, created: bool) -> list[int]:
        """The PIDs that hold the file open for writing, stand at its end, and have written something.

        Whoever wrote last stands at the end. Who has the file open since long and did not write now does not, or stands
        where it stood when the file was looked at before. A child that inherited the descriptor has written nothing. A
        file that was just created may be empty, and what created it need not have written.
        """
        holders = self._holders(status).holders
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
        """The PIDs that hold the file by a descriptor that they did not have when it was last looked at, or that were
        not there then: who was left out may have had it."""
        if (before := self._before.get(key)) is None:
            return []
        now = self._look(key, status)
        return sorted(
            {
                pid
                for (entity, number), pid in now.items()
                if (entity, number) not in before.holding and (before.whole or self._came_since(pid, before.at_ns))
            }
        )

    def watched(self, key: Key, status: os.stat_result) -> None:
        """From now on it is told when the file is opened."""
        self._look(key, status)

    def unwatched(self, key: Key) -> None:
        """From now on it is not: it is gone, or there was no room."""
        self._before.pop(key, None)

    def forget(self, container: str) -> None:
        """The container has ended, and its files are watched no more."""
        for key in [key for key in self._positions if key[0] == container]:
            del self._positions[key]

    def _look(self, key: Key, status: os.stat_result) -> dict[tuple[str, int], int]:
        """The PIDs by (entity, descriptor), to be remembered for the next open."""
        found, at_ns = {}, self._clock.wall()
        now = self._holders(status)
        for pid, files in now.holders.items():
            process = self._task.process(pid)
            if process is not None:
                found.update({(process.entity, file.number): pid for file in files})
        self._before[key] = _Look(frozenset(found), at_ns, now.whole)
        return found

    def _came_since(self, pid: int, at_ns: Timestamp) -> bool:
        process = self._task.process(pid)
        return process is not None and process.start is not None and process.start > at_ns

    def _holders(self, status: os.stat_result) -> _Found:
        file = (status.st_dev, status.st_ino)
        if file not in self._found:
            self._found[file] = self._search(*file)
        return self._found[file]

    def _search(self, device: int, inode: int) -> _Found:
        if self._searched > TURN_S:
            self._counters.add(UNASKED)
            return _Found({}, whole=False)
        begin = self._clock.monotonic()
        found = self._task.holders_of(device, inode)
        holders = {pid: self._task.openings(pid, device, inode) for pid in found.pids}
        self._searched += self._clock.monotonic() - begin
        return _Found(holders, found.whole)


def _is_writer(file: OpenFile, created: bool) -> bool:
    if file.flags & os.O_PATH or file.flags & os.O_ACCMODE == os.O_RDONLY:
        return False
    if created and file.size == file.position == 0:
        return True
    return file.position == file.size > 0 and file.written != 0
