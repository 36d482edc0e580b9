"""Which directories are watched, by which paths they are known in which containers, and what the budget left out.

Besides directories there are single files: the secrets, of which it is told when they are opened, and those of which it
is told by whatever name they are changed.

One watch may stand for several places: the kernel has one per directory, and containers share volumes, or reach a
directory by two names. A watch goes with its last place, and when the budget is used up the places that matter least
make room for those that matter more.
"""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence, Set
from typing import NamedTuple, Protocol

from collectors.watch_names import KnownNames
from collectors.watch_plan import Ranked, Spot, mask_of, mask_of_file
from sensor.model.events import Timestamp
from sensor.model.kinds import Kind

BUDGET = "budget"
"""Why a directory is not watched: the sensor's share of the kernel's watches is used up."""

LIMIT = "too many beside each other"
"""Why a directory is not watched: `DIRECTORIES` are, that the same part of the list stands for."""

DIRECTORIES = 256
"""How many directories one `*`, or one level below an entry, may take in a container."""

REMEMBERED = 1000
"""How many directories of a container are remembered as not watched: a workload can make any number of them."""


class FileId(NamedTuple):
    """Which file it is. Its number is another file's once it is gone, so that only `born_ns` tells the two apart, where
    the file system keeps it; on an overlay it is another for the same file once that was changed for the first time."""

    device: int
    inode: int
    born_ns: Timestamp | None = None


class Place(NamedTuple):
    """A watched directory as one container sees it. `path` has no slash at its end; the root's is empty.

    `file` is given where it is not a directory but a single file; its spots are those of its directory, and its entries
    those that tell its changes by whatever name.
    """

    container: str
    path: bytes
    spots: tuple[Spot, ...]
    entries: tuple[Ranked, ...]
    wd: int
    file: FileId | None = None

    @property
    def rank(self) -> int:
        """The lowest of its spots: how much it matters."""
        return min(spot.rank for spot in self.spots)

    @property
    def is_secret(self) -> bool:
        """Whether it is a file whose opening is told."""
        return self.file is not None and any(spot.is_secret(os.path.basename(self.path)) for spot in self.spots)

    def wanted(self, kind: Kind, name: bytes) -> bool | None:
        """Whether a change to the file of this name is told only if it can run; None where it is not told."""
        programs = None
        for _, entry in self.entries:
            if entry.wants(kind, name):
                if not entry.programs:
                    return False
                programs = True
        return programs


class Watcher(Protocol):
    """What an `InotifyStream` does."""

    def add(self, place: int, mask: int, *, is_directory: bool = True, name: bytes = b"") -> int: ...

    def remove(self, wd: int) -> None: ...


class WatchTable:
    """Adds and removes watches. `limit` is the most that may be held.

    `file_dropped` is called with the container and path of a file that is watched no more.
    """

    def __init__(
        self, watcher: Watcher, limit: int, file_dropped: Callable[[tuple[str, bytes]], None] = lambda _: None
    ) -> None:
        self._watcher = watcher
        self._file_dropped = file_dropped
        self.limit = limit
        self.names = KnownNames()
        self._places: dict[int, list[Place]] = {}
        self._paths: dict[str, dict[bytes, Place]] = {}
        self._ranks: dict[int, dict[tuple[str, bytes], Place]] = {}
        self._taken: Counter[tuple[str, Spot]] = Counter()
        self._unwatched: dict[str, dict[bytes, str]] = {}
        self._short: set[tuple[str, Spot | None]] = set()

    def __len__(self) -> int:
        return len(self._places)

    def places(self, wd: int) -> Sequence[Place]:
        """What a watch stands for, the place that matters most first; empty for a watch that was removed."""
        return self._places.get(wd, ())

    def at(self, container: str, path: bytes) -> Place | None:
        """The place of this path, if it is watched."""
        return self._paths.get(container, {}).get(path)

    def is_secret(self, container: str, path: bytes) -> bool:
        """Whether the plan has it that the opening of this file is told."""
        directory, _, name = path.rpartition(b"/")
        place = self.at(container, directory)
        return place is not None and any(spot.is_secret(name) for spot in place.spots)

    def at_or_below(self, container: str, path: bytes) -> list[Place]:
        """The place of this path and all below it; none where the path is not watched."""
        if (place := self.at(container, path)) is None:
            return []
        prefix = path + b"/"
        return [place, *(p for name, p in self._paths[container].items() if name.startswith(prefix))]

    def paths(self, container: str) -> Collection[bytes]:
        """All of a container that are watched."""
        return self._paths.get(container, {}).keys()

    def add(self, container: str, path: bytes, spots: tuple[Spot, ...], directory: int) -> bool:
        """Watch the directory of this descriptor as the path. False where the budget has no room for it.

        A path that stood for another directory so far now stands for this one. Raises OSError as
        `InotifyStream.add` does.
        """
        if not self._may_hold(container, path, spots):
            return False
        wd = self._watcher.add(directory, mask_of(spots))
        self._put(Place(container, path, spots, _entries(spots), wd))
        return True

    def add_file(
        self, container: str, path: bytes, spots: tuple[Spot, ...], where: tuple[int, bytes], file: FileId
    ) -> bool:
        """Be told when this file is opened, or changed, as the plan has it. `where` is what `rootfs.unopened` gives.
        False where the budget has no room for it. Raises OSError as `add` does.
        """
        fd, unopened = where
        if not self._may_hold(container, path, spots):
            return False
        name = os.path.basename(path)
        wd = self._watcher.add(fd, mask_of_file(spots, name), is_directory=False, name=unopened)
        entries = tuple(ranked for ranked in _entries(spots) if ranked.entry.is_by_inode(name))
        self._put(Place(container, path, spots, entries, wd, file))
        return True

    def drop(self, place: Place) -> None:
        """Forget a place; its watch is removed with the last one."""
        self.names.drop(place.container, place.path)
        del self._paths[place.container][place.path]
        del self._ranks[place.rank][place.container, place.path]
        self._taken.subtract((place.container, spot) for spot in place.spots)
        places = self._places[place.wd]
        places.remove(place)
        if not places:
            del self._places[place.wd]
            self._watcher.remove(place.wd)
        if place.file is not None:
            self._file_dropped((place.container, place.path))

    def drop_from(self, container: str, path: bytes) -> None:
        """Forget a directory and all below it; nothing is there to be watched any more."""
        unwatched = self._unwatched.get(container, {})
        unwatched.pop(path, None)
        if self.at(container, path) is None:
            return
        for place in self.at_or_below(container, path):
            self.drop(place)
        for below in [one for one in unwatched if one.startswith(path + b"/")]:
            del unwatched[below]

    def keep(self, container: str, paths: Set[bytes]) -> None:
        """Forget all of a container but these."""
        for place in [p for path, p in self._paths.get(container, {}).items() if path not in paths]:
            self.drop(place)

    def drop_container(self, container: str) -> None:
        """Forget all of a container that has ended."""
        for place in list(self._paths.get(container, {}).values()):
            self.drop(place)
        self._paths.pop(container, None)
        self._unwatched.pop(container, None)
        self._taken = +self._taken
        self._short = {short for short in self._short if short[0] != container}

    def refuse(self, container: str, path: bytes, reason: str) -> None:
        """Remember that a directory which should be watched is not, and why."""
        unwatched = self._unwatched.setdefault(container, {})
        if len(unwatched) < REMEMBERED or path in unwatched:
            unwatched[path] = reason

    def is_refused(self, container: str, path: bytes) -> bool:
        """Whether the path is remembered as one that should be watched and is not."""
        return path in self._unwatched.get(container, {})

    def unwatched(self) -> Counter[str]:
        """How many directories are not watched, by reason; a container's first `REMEMBERED` count."""
        return Counter(reason for paths in self._unwatched.values() for reason in paths.values())

    def containers(self) -> Iterator[str]:
        """The containers with a watched directory."""
        return (container for container, paths in self._paths.items() if paths)

    def with_room_again(self) -> set[str]:
        """The containers that had to go without a watch for want of room, where there is some by now; each once."""
        relieved = {short for short in self._short if not self._is_full(*short)}
        self._short -= relieved
        return {container for container, _ in relieved}

    def _is_full(self, container: str, spot: Spot | None) -> bool:
        """Of a spot, or of the whole budget (None)."""
        return len(self._places) >= self.limit if spot is None else self._taken[container, spot] >= DIRECTORIES

    def _may_hold(self, container: str, path: bytes, spots: tuple[Spot, ...]) -> bool:
        if self.at(container, path) is not None:
            return True
        if full := [spot for spot in spots if self._is_full(container, spot)]:
            self._short.update((container, spot) for spot in full)
            self.refuse(container, path, LIMIT)
            return False
        may = self._room(min(spot.rank for spot in spots))
        if not may:
            self._leave_out(container, path)
        return may

    def _put(self, place: Place) -> None:
        """A path stands for what was watched last; what lay below what it stood for before is elsewhere."""
        old = self.at(place.container, place.path)
        if old is not None and old.wd == place.wd:
            return
        if old is not None:
            self.drop_from(place.container, place.path)
        self._insert(place)
        self._unwatched.get(place.container, {}).pop(place.path, None)

    def _insert(self, place: Place) -> None:
        self._paths.setdefault(place.container, {})[place.path] = place
        self._ranks.setdefault(place.rank, {})[place.container, place.path] = place
        self._taken.update((place.container, spot) for spot in place.spots)
        places = self._places.setdefault(place.wd, [])
        places.append(place)
        places.sort(key=lambda p: p.rank)

    def _room(self, rank: int) -> bool:
        """Whether one more may be held, after the least important have made room."""
        while len(self._places) >= self.limit:
            worst = max((r for r, held in self._ranks.items() if held), default=-1)
            if worst <= rank:
                return False
            place = next(reversed(self._ranks[worst].values()))
            self.drop_from(place.container, place.path)
            self._leave_out(place.container, place.path)
        return True

    def _leave_out(self, container: str, path: bytes) -> None:
        self._short.add((container, None))
        self.refuse(container, path, BUDGET)


def _entries(spots: Sequence[Spot]) -> tuple[Ranked, ...]:
    return tuple(sorted((ranked for spot in spots for ranked in spot.entries), key=lambda ranked: ranked.rank))
