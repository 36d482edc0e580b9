"""Keeps the watches of each container where the plan wants them, while directories come, go and are replaced.

Everything here may be repeated at any time: what is watched already stays as it is. A directory is listed only after
its watch is in place, so that nothing falls between; what it held by then is handed back to be told.

One change goes unnoticed until the next rescan: where an entry is reached through symbolic links, and one of them that
lies in a directory which nobody watches is turned to another directory.
"""

import errno
import heapq
import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from collectors import rootfs
from collectors.watch_plan import Spot
from collectors.watch_table import BUDGET, Place, WatchTable
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied

LISTED = 16_384
"""How many names are looked at because of one new directory, those below it included: it takes about 20 ms."""

LISTED_IN_ALL = 131_072
"""How many names of a whole container are looked at."""

REMOTE = "remote"
DENIED = "denied"
UNKNOWN_MOUNT = "mount of unknown kind"
UNREACHABLE = "root not reachable"
"""Why a directory is not watched, besides `BUDGET`."""


class Reach(NamedTuple):
    """How to get into a container: its root, and the mounts in it to keep away from (see `rootfs`)."""

    root_fd: int
    remote: Sequence[bytes] | None


class Listed(NamedTuple):
    """A name in a directory."""

    name: bytes
    is_directory: bool


class _Visit(NamedTuple):
    rank: int
    number: int  # so that a heap never compares what follows
    path: bytes
    spots: tuple[Spot, ...]


class Coverage:
    """`reach` gives the way into a container, None where there is none."""

    def __init__(
        self, *, plan: Spot, table: WatchTable, reach: Callable[[str], Reach | None], counters: Counters
    ) -> None:
        self._plan = plan
        self._table = table
        self._reach = reach
        self._counters = counters

    def cover(self, container: str) -> bool:
        """Watch all that the plan names in a container, the most important first, and nothing else.

        False where there is no way in.
        """
        if self._reach(container) is None:
            self._table.refuse(container, b"", UNREACHABLE)
            return False
        visited: set[bytes] = set()
        first = _Visit(0, 0, b"", (self._plan,))
        self._visit_all(container, first, tell=False, room=LISTED_IN_ALL, visited=visited)
        self._table.keep(container, visited)
        return True

    def appeared(self, place: Place, name: bytes, *, is_directory: bool, tell: bool) -> list[bytes]:
        """Something has this name now in a watched directory. Watches it where it is a directory of the plan.

        With `tell`, gives the paths of all that it held when its watch was in place, at any depth.
        """
        first = _visit_below(place.path, place.spots, name, is_directory=is_directory)
        return self._visit_all(place.container, first, tell=tell) if first else []

    def vanished(self, place: Place, name: bytes) -> None:
        """Nothing has this name any more in a watched directory."""
        self._table.drop_from(place.container, place.path + b"/" + name)

    def verify(self, place: Place) -> None:
        """Look whether the path still leads to the watched directory, and watch the one that it leads to."""
        self._visit_all(place.container, _Visit(place.rank, 0, place.path, place.spots), tell=False)

    def _visit_all(
        self, container: str, first: _Visit, *, tell: bool, room: int = LISTED, visited: set[bytes] | None = None
    ) -> list[bytes]:
        """From the first directory downwards, by rank; gives what was found in them if it is to be told.

        `room` is how many names may be looked at, `visited` takes the paths of the directories that are watched.
        """
        found: list[bytes] = []
        reach = self._reach(container)
        if reach is None:
            return found
        heap, number = [first], 1
        while heap:
            visit = heapq.heappop(heap)
            telling = tell and any(spot.entries for spot in visit.spots)
            listed = self._visit(container, reach, visit, room if telling or _has_star(visit) else None)
            if listed is None:
                continue
            room -= len(listed)
            if visited is not None:
                visited.add(visit.path)
            if telling:
                found.extend(visit.path + b"/" + name for name, _ in listed)
            for below in _below(visit, listed):
                heapq.heappush(heap, below._replace(number=number))
                number += 1
        return found

    def _visit(self, container: str, reach: Reach, visit: _Visit, room: int | None) -> list[Listed] | None:
        """Watch one directory, then list up to `room` names (None: it need not be listed).

        None where it is not watched.
        """
        path, spots = visit.path, visit.spots
        follow = any(not spot.starred for spot in spots)
        try:
            fd = rootfs.open_directory(reach.root_fd, path or b"/", follow=follow, remote=reach.remote)
            with rootfs.held(fd):
                if not self._table.add(container, path, spots, fd):
                    return None
                return [] if room is None else self._list(fd, room)
        except rootfs.Refused:
            self._leave_out(container, path, REMOTE)
        except AccessDenied:
            self._leave_out(container, path, DENIED)
        except OSError as error:
            self._leave_out(container, path, _reason(error))
        return None

    def _leave_out(self, container: str, path: bytes, reason: str | None) -> None:
        self._table.drop_from(container, path)
        if reason is not None:
            self._table.refuse(container, path, reason)

    def _list(self, directory: int, room: int) -> list[Listed]:
        with rootfs.held(rootfs.reopen_directory(directory)) as fd, os.scandir(fd) as entries:
            listed: list[Listed] = []
            for entry in entries:
                if len(listed) == min(room, LISTED):
                    self._counters.lost("directory_too_long")
                    break
                listed.append(Listed(os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)))
            return listed


def _has_star(visit: _Visit) -> bool:
    return any(spot.any for spot in visit.spots)


def _below(visit: _Visit, listed: Sequence[Listed]) -> Iterator[_Visit]:
    """The directories of the plan below one: those it names, there or not, and those that `*` stands for."""
    starred = {name for name, is_directory in listed if is_directory} if _has_star(visit) else set()
    named = {name for spot in visit.spots for name in spot.named}
    for name in sorted(named | starred):
        below = _visit_below(visit.path, visit.spots, name, is_directory=name in starred)
        if below is not None:
            yield below


def _visit_below(path: bytes, spots: Sequence[Spot], name: bytes, *, is_directory: bool) -> _Visit | None:
    """The visit to what has this name in a directory; None where the plan has nothing there."""
    below = tuple(found for spot in spots for found in spot.below(name, is_directory=is_directory))
    return _Visit(min(spot.rank for spot in below), 0, path + b"/" + name, below) if below else None


def _reason(error: OSError) -> str | None:
    """Why a directory is not watched; None where it is simply not there."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        return None
    if error.errno == errno.ENOSPC:
        return BUDGET
    if error.errno == errno.EACCES:
        return DENIED
    if error.errno == errno.EXDEV:
        return UNKNOWN_MOUNT
    return errno.errorcode.get(error.errno or 0, "unknown")
