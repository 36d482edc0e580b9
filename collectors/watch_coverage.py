"""Keeps the watches of each container where the plan wants them, while directories come, go and are replaced.

Everything here may be repeated at any time: what is watched already stays as it is. A directory is listed only after
its watch is in place, so that nothing falls between; what it held by then is handed back to be told.

One change goes unnoticed until the next rescan: where an entry is reached through symbolic links, and one of them that
lies in a directory which nobody watches is turned to another directory (docs/threat-model.md).
"""

import errno
import heapq
import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from collectors import rootfs
from collectors.statx import place
from collectors.watch_plan import Spot, mask_of_file
from collectors.watch_table import BUDGET, FileId, Place, WatchTable
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied

LISTED = 16_384
"""How many names are looked at because of one new directory, those below it included: it takes about 20 ms."""

LISTED_IN_ALL = 131_072
"""How many names of a whole container are looked at."""

KERNELS = frozenset({b"/proc", b"/sys"})
"""Directories that no pattern stands for: what is in them changes by itself."""

REMOTE = "remote"
DENIED = "denied"
UNKNOWN_MOUNT = "mount of unknown kind"
UNREACHABLE = "root not reachable"
"""Why a directory is not watched, besides `BUDGET`."""

PASSING = frozenset({errno.EIO, errno.ENOMEM, errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.EINTR, errno.EAGAIN})
"""Errors that say nothing of a directory: a while later it may be watched."""

NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""Errors that say that there is no such directory."""


class Reach(NamedTuple):
    """How to get into a container: its root, and the mounts in it to keep away from (see `rootfs`)."""

    root_fd: int
    remote: Sequence[bytes] | None


class Listed(NamedTuple):
    """A name in a directory, and its status change time (ns) where that was asked for and may be."""

    name: bytes
    is_directory: bool
    ctime_ns: int | None = None


class Visited(NamedTuple):
    """A directory that is watched now. `listed` is None where it need not be, or cannot be; `cut` if there was more."""

    path: bytes
    spots: tuple[Spot, ...]
    listed: list[Listed] | None
    cut: bool


class _Visit(NamedTuple):
    rank: int
    number: int  # so that a heap never compares what follows
    path: bytes
    spots: tuple[Spot, ...]


class Coverage:
    """`reach` gives the way into a container, None where there is none; what is `removed` is left alone.

    `secret_watched` is called with the container and path of a secret whose opening is told from now on.
    """

    def __init__(
        self,
        *,
        plan: Spot,
        table: WatchTable,
        reach: Callable[[str], Reach | None],
        counters: Counters,
        removed: Callable[[bytes], bool] = lambda _: False,
        secret_watched: Callable[[tuple[str, bytes], os.stat_result], None] = lambda *_: None,
    ) -> None:
        self._plan = plan
        self._table = table
        self._reach = reach
        self._counters = counters
        self._removed = removed
        self._secret_watched = secret_watched
        self.failed: dict[str, set[bytes]] = {}
        """The paths of a container that could not be looked at for a reason that may pass, until all is visited again.
        What was watched there and below stays so. Without paths: where something was left out for want of room."""

    def cover(self, container: str) -> bool:
        """Watch all that the plan names in a container, the most important first, and nothing else.

        False where there is no way in.
        """
        if self._reach(container) is None:
            self._table.refuse(container, b"", UNREACHABLE)
            return False
        for visited in self.visits(container):
            self._learn(container, visited)
        return True

    def visits(self, container: str, *, facts: bool = False) -> Iterator[Visited]:
        """The same step by step, for one who looks at the directories himself; with the `facts` of what is in them.

        To be consumed whole: at the end all else is forgotten, but for what could not be looked at.
        """
        kept: set[bytes] = set()
        self.failed.pop(container, None)
        for visited in self._walk(container, _Visit(0, 0, b"", (self._plan,)), room=LISTED_IN_ALL, facts=facts):
            kept.add(visited.path)
            kept.update(visited.path + b"/" + name for name in _single_files(visited))
            yield visited
        if failed := self.failed.get(container):
            kept.update(path for path in self._table.paths(container) if _is_at_or_below(path, failed))
        self._table.keep(container, kept)

    def blind(self) -> Collection[str]:
        """The containers in which something that is not watched may be by now."""
        for container in self._table.with_room_again():
            self.failed.setdefault(container, set())
        return self.failed.keys()

    def is_gone(self, container: str, path: bytes) -> bool:
        """Whether no directory has this path any more. What cannot be looked at is not gone."""
        reach = self._reach(container)
        if reach is None:
            return False
        try:
            os.close(rootfs.open_directory(reach.root_fd, path or b"/", follow=False, remote=reach.remote))
        except (rootfs.Refused, AccessDenied):
            return False
        except OSError as error:
            return error.errno in NOT_THERE
        return False

    def appeared(self, place: Place, name: bytes, *, is_directory: bool, tell: bool) -> list[bytes]:
        """Something has this name now in a watched directory. Watches it where it is a directory of the plan, or a
        file that is watched itself.

        With `tell`, gives the paths of all that it held when its watch was in place, at any depth.
        """
        found: list[bytes] = []
        first = _visit_below(place.path, place.spots, name, is_directory=is_directory)
        if first is not None:
            for visited in self._walk(place.container, first):
                self._learn(place.container, visited)
                if tell and visited.listed and any(spot.entries for spot in visited.spots):
                    found.extend(visited.path + b"/" + listed.name for listed in visited.listed)
        if not is_directory and mask_of_file(place.spots, name):
            self._watch_file(place.container, place.path + b"/" + name, place.spots)
        return found

    def vanished(self, place: Place, name: bytes) -> None:
        """Nothing has this name any more in a watched directory."""
        self._table.drop_from(place.container, place.path + b"/" + name)

    def moved_away(self, place: Place, name: bytes) -> bool:
        """What had this name in a watched directory was moved away. Whether something has it even so, which is watched
        as what has just appeared is: in an exchange (renameat2(2), RENAME_EXCHANGE) each takes the other's name before
        it is said to have left its own.
        """
        container, path = place.container, place.path + b"/" + name
        held = self._table.at(container, path)
        wanted = held is not None or self._table.is_refused(container, path) or any(s.has(name) for s in place.spots)
        mode = self._mode_at(container, path) if wanted else None
        if mode is None or (held is not None and (held.file is None) != stat.S_ISDIR(mode)):
            self._table.drop_from(container, path)
        if mode is None:
            return False
        self.appeared(place, name, is_directory=stat.S_ISDIR(mode), tell=False)
        return True

    def is_there(self, place: Place) -> bool:
        """Whether the path of a single file still leads to it."""
        if (reach := self._reach(place.container)) is None:
            return False
        try:
            status = rootfs.status(reach.root_fd, place.path, remote=reach.remote)
        except (rootfs.Refused, AccessDenied, OSError):
            return False
        return place.file is not None and (place.file.device, place.file.inode) == (status.st_dev, status.st_ino)

    def verify(self, place: Place) -> None:
        """Look whether the path still leads to what was watched, and watch what it leads to."""
        if place.file is not None:
            self._watch_file(place.container, place.path, place.spots)
            return
        for visited in self._walk(place.container, _Visit(place.rank, 0, place.path, place.spots)):
            self._learn(place.container, visited)

    def _mode_at(self, container: str, path: bytes) -> int | None:
        """Of what is there; None where nothing is, or it cannot be looked at."""
        if (reach := self._reach(container)) is not None:
            with self._or_left_out(container, path):
                return rootfs.status(reach.root_fd, path, remote=reach.remote).st_mode
        return None

    def _learn(self, container: str, visited: Visited) -> None:
        """What a directory holds when its watch is set; from then on the notices tell."""
        names = self._table.names
        if visited.listed is not None and not visited.cut and names.of(container, visited.path) is None:
            names.learn(container, visited.path, (listed.name for listed in _of_entries(visited)))

    def _walk(self, container: str, first: _Visit, *, room: int = LISTED, facts: bool = False) -> Iterator[Visited]:
        """Watch from the first directory downwards, by rank. `room` is how many names may be looked at."""
        heap, number = [first], 1
        while heap:
            visit = heapq.heappop(heap)
            if (visited := self._visit(container, visit, room, facts=facts)) is None:
                continue
            listed = visited.listed or []
            room -= len(listed)
            for name in _single_files(visited):
                self._watch_file(container, visited.path + b"/" + name, visited.spots)
            yield visited
            for below in _below(visit, listed):
                heapq.heappush(heap, below._replace(number=number))
                number += 1

    def _visit(self, container: str, visit: _Visit, room: int, *, facts: bool) -> Visited | None:
        """Watch one directory, then list up to `room` names; None where it is not watched."""
        path, spots = visit.path, visit.spots
        if self._removed(path):
            return None
        if (reach := self._reach(container)) is None:
            self._failed_at(container, path, UNREACHABLE)
            return None
        follow = any(not spot.starred for spot in spots)
        with self._or_left_out(container, path):
            try:
                fd = rootfs.open_directory(reach.root_fd, path or b"/", follow=follow, remote=reach.remote)
            except NotADirectoryError:
                if self._is_watched_file(container, path):  # as the directory above it was visited
                    return None
                raise
            with rootfs.held(fd):
                if not self._table.add(container, path, spots, fd):
                    return None
                if not any(spot.entries or spot.patterns for spot in spots):
                    return Visited(path, spots, None, cut=False)
                return self._list(fd, visit, room, reach.remote if facts else None)
        return None

    @contextmanager
    def _or_left_out(self, container: str, path: bytes) -> Iterator[None]:
        """What cannot be watched in the block is left out, with the reason; what may be later is tried again."""
        try:
            yield
        except rootfs.Refused:
            self._leave_out(container, path, REMOTE)
        except AccessDenied:
            self._leave_out(container, path, DENIED)
        except OSError as error:
            if error.errno in PASSING:
                self._failed_at(container, path, _reason(error))
            else:
                self._leave_out(container, path, _reason(error))

    def _is_watched_file(self, container: str, path: bytes) -> bool:
        held = self._table.at(container, path)
        return held is not None and held.file is not None

    def _failed_at(self, container: str, path: bytes, reason: str | None) -> None:
        self.failed.setdefault(container, set()).add(path)
        if reason is not None and self._table.at(container, path) is None:
            self._table.refuse(container, path, reason)

    def _leave_out(self, container: str, path: bytes, reason: str | None) -> None:
        self._table.drop_from(container, path)
        if reason is not None:
            self._table.refuse(container, path, reason)

    def _list(self, directory: int, visit: _Visit, room: int, remote: Sequence[bytes] | None) -> Visited:
        """The names, and where the remote mounts are known, the times of the files that are on none of them."""
        listed: list[Listed] = []
        cut = False
        with rootfs.held(rootfs.reopen_directory(directory)) as fd, os.scandir(fd) as entries:
            for entry in entries:
                if cut := len(listed) >= min(room, LISTED):
                    self._counters.lost("directory_too_long")
                    break
                name = os.fsencode(entry.name)
                is_directory = entry.is_dir(follow_symlinks=False)
                looked_at = remote is not None and not is_directory and not (remote and _is_mount(fd, name))
                listed.append(Listed(name, is_directory, _changed_ns(entry) if looked_at else None))
        return Visited(visit.path, visit.spots, listed, cut)

    def _watch_file(self, container: str, path: bytes, spots: tuple[Spot, ...]) -> None:
        """Be told when the file is opened or changed. It is not opened for that, since it may be watched already, by
        another path or in another container: kernels before 6.10 take an open for a handle for an open."""
        reach, held = self._reach(container), self._table.at(container, path)
        if reach is None or self._removed(path):
            return
        with self._or_left_out(container, path), rootfs.unopened(reach.root_fd, path, remote=reach.remote) as where:
            status, born_ns = rootfs.status_and_birth_of(*where)
            file = FileId(status.st_dev, status.st_ino, born_ns)
            if held is not None and held.file == file:
                return
            if held is not None and held.file is not None:
                self._table.drop(held)
            if not stat.S_ISREG(status.st_mode) or not self._table.add_file(container, path, spots, where, file):
                return
            if (place := self._table.at(container, path)) is not None and place.is_secret:
                self._secret_watched((container, path), status)


def _is_at_or_below(path: bytes, paths: Collection[bytes]) -> bool:
    while path and path not in paths:
        path = path.rpartition(b"/")[0]
    return path in paths


def _is_mount(directory: int, name: bytes) -> bool:
    """Whether something is mounted there, or may be."""
    try:
        return place(directory, name).mount_id != place(directory).mount_id
    except OSError:
        return True


def _changed_ns(entry: "os.DirEntry[str]") -> int | None:
    try:
        return entry.stat(follow_symlinks=False).st_ctime_ns
    except OSError:
        return None  # gone since it was listed


def _of_entries(visited: Visited) -> Iterator[Listed]:
    """What the entries care for."""
    return (listed for listed in visited.listed or () if any(spot.has(listed.name) for spot in visited.spots))


def _single_files(visited: Visited) -> Iterator[bytes]:
    for listed in visited.listed or ():
        if not listed.is_directory and mask_of_file(visited.spots, listed.name):
            yield listed.name


def _below(visit: _Visit, listed: Sequence[Listed]) -> Iterator[_Visit]:
    """The directories of the plan below one: those it names, there or not, and those that a pattern stands for."""
    starred: set[bytes] = set()
    if any(spot.patterns for spot in visit.spots):
        starred = {one.name for one in listed if one.is_directory}
    named = {name for spot in visit.spots for name in spot.named}
    for name in sorted(named | starred):
        below = _visit_below(visit.path, visit.spots, name, is_directory=name in starred)
        if below is not None:
            yield below


def _visit_below(path: bytes, spots: Sequence[Spot], name: bytes, *, is_directory: bool) -> _Visit | None:
    """The visit to what has this name in a directory; None where the plan has nothing there."""
    path = path + b"/" + name
    matches = is_directory and path not in KERNELS
    below = tuple(found for spot in spots for found in spot.below(name, is_directory=matches))
    return _Visit(min(spot.rank for spot in below), 0, path, below) if below else None


def _reason(error: OSError) -> str | None:
    """Why a directory is not watched; None where it is simply not there."""
    if error.errno in NOT_THERE:
        return None
    if error.errno == errno.ENOSPC:
        return BUDGET
    if error.errno == errno.EACCES:
        return DENIED
    if error.errno == errno.EXDEV:
        return UNKNOWN_MOUNT
    return errno.errorcode.get(error.errno or 0, "unknown")
