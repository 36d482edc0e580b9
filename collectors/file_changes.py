"""From the kernel's notices to changes of files: what happened to which path, in the eyes of which container.

A rename comes as two notices with one cookie. Where the other half stays away (the file came from or went to where
nobody watches), it is a creation or a deletion.
"""

import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from collectors.inotify_stream import (
    ATTRIB,
    CLOSE_WRITE,
    CREATE,
    DELETE,
    IGNORED,
    IS_DIRECTORY,
    MODIFY,
    MOVE_SELF,
    MOVED_FROM,
    MOVED_TO,
    OPEN,
    OVERFLOW,
    Notice,
)
from collectors.moved_directories import Contents, MovedDirectories, was_told
from collectors.watch_coverage import Coverage
from collectors.watch_plan import INODE
from collectors.watch_table import Place, WatchTable
from sensor.model.kinds import Kind

INOTIFY = "inotify"
SCAN = "scan"
RESCAN = "rescan"
POLL = "poll"
"""Where a change is known from: the kernel told, it was found when a new directory was listed, or by a comparison with
what was there: after a loss, or again and again where inotify is refused."""

PAIRING_S = 0.1
"""How long the second half of a rename is waited for; the kernel queues both at once."""

ECHO_S = 1.0
"""How long after a change was read by the file's name its notice by inode may be read: it was queued at once."""

REMEMBERED = 4096
"""How many files that are being written are kept in mind, and how many first halves of renames; beyond it the oldest
file's next close is doubtful, and the oldest half is a deletion."""


NOTHING = Notice(-1, 0, 0, b"")


class Change(NamedTuple):
    """What happened to a path. `programs`: only of interest if the file can run.

    `since` is when it can have happened at the earliest, in monotonic seconds, None for this turn. `unsure`: the file
    was closed after being open for writing, but no write was seen; it may have been written through a mapping, or not
    at all.
    """

    kind: Kind
    container: str
    path: bytes
    old_path: bytes | None = None
    programs: bool = False
    unsure: bool = False
    source: str = INOTIFY
    since: float | None = None
    count: int = 1  # type: ignore[assignment]  # hides tuple.count, which nobody calls on a Change


class _Departure(NamedTuple):
    """The first half of a rename, read at `time`; it happened after `since`."""

    time: float
    since: float
    wd: int
    name: bytes
    places: tuple[Place, ...]


class ChangeReader:
    """Reads notices in their order, and has the coverage follow what they say about directories."""

    def __init__(self, table: WatchTable, coverage: Coverage) -> None:
        self._table = table
        self._coverage = coverage
        self._departures: OrderedDict[int, _Departure] = OrderedDict()
        self._leaving: dict[tuple[int, bytes], int] = {}
        self._moved = MovedDirectories(table)
        self._overtaken: tuple[Notice, Contents] = (NOTHING, {})
        self._modified: dict[tuple[int, bytes], tuple[Change, ...]] = {}
        self._written: OrderedDict[tuple[int, bytes], None] = OrderedDict()
        self._last, self._last_read = NOTHING, 0.0
        self.overflows = 0
        """How often the kernel's queue was full: what was lost then, nobody knows."""

    def read(self, notices: Iterable[Notice], now: float, since: float) -> Iterator[Change]:
        """The changes, in order; to be consumed whole. What the notices tell happened after `since` and before `now`,
        in monotonic seconds."""
        self._modified.clear()
        if now - self._last_read > ECHO_S:
            self._last = NOTHING
        self._last_read = now
        for notice in notices:
            if notice.mask & OVERFLOW:
                self.overflowed()
                continue
            places = tuple(self._table.places(notice.wd))
            is_file = bool(places) and places[0].file is not None
            yield from self._of_file(notice, places) if is_file else self._of_directory(notice, places, now, since)
            self._last = notice

    def overflowed(self) -> None:
        """Notices were lost: of what is being written the close may be among them."""
        self.overflows += 1
        self._written.clear()
        self._last = NOTHING

    def unpaired(self, now: float) -> Iterator[Change]:
        """The deletions that halves of renames have turned out to be."""
        while (due := self.next_due()) is not None and due <= now:
            yield from self._give_up(next(iter(self._departures)))

    def next_due(self) -> float | None:
        """When `unpaired` may have something, in monotonic seconds."""
        first = next(iter(self._departures.values()), None)
        return first.time + PAIRING_S if first else None

    def _give_up(self, cookie: int) -> Iterator[Change]:
        departure = self._take_departure(cookie)
        self._moved.stayed_away(cookie)
        if departure is not None:
            gone = told(Kind.FILE_DELETE, departure.places, departure.name)
            yield from (change._replace(since=departure.since) for change in gone)

    def _take_departure(self, cookie: int) -> _Departure | None:
        """The first half, which waits no more."""
        departure = self._departures.pop(cookie, None)
        if departure is not None:
            self._leaving.pop((departure.wd, departure.name), None)
        return departure

    def _of_directory(self, notice: Notice, places: tuple[Place, ...], now: float, since: float) -> Iterator[Change]:
        mask = notice.mask
        if mask & (MODIFY | CLOSE_WRITE):
            key = (notice.wd, notice.name)
            if key not in self._modified:
                self._modified[key] = tuple(told(Kind.FILE_MODIFY, places, notice.name))
            yield from self._written_to(notice, self._modified[key])
            return
        self._modified.clear()  # places may change
        if mask & (CREATE | MOVED_TO):
            yield from self._arrived(notice, places)
        elif mask & (DELETE | MOVED_FROM):
            yield from self._left(notice, places, now, since)
        elif mask & ATTRIB:
            yield from self._attributes(notice, places)
        elif mask & (IGNORED | MOVE_SELF):
            self._recheck(places, gone=bool(mask & IGNORED))

    def _of_file(self, notice: Notice, places: tuple[Place, ...]) -> Iterator[Change]:
        """Of a file that is watched itself: an open, or a change that was not told by its name already."""
        mask = notice.mask
        if mask & OPEN:
            secrets = self._once_a_directory(place for place in places if place.is_secret)
            yield from (Change(Kind.FILE_OPEN, place.container, place.path) for place in secrets)
        elif mask & IGNORED:
            self._modified.clear()
            self._recheck(places, gone=True)
        else:
            news = self._once_a_directory(place for place in places if not self._is_told_by_name(notice, place))
            if mask & (MODIFY | CLOSE_WRITE):
                yield from self._written_to(notice, tuple(_of_inodes(Kind.FILE_MODIFY, news)))
            else:  # one whose name was taken away has an attribute less, its number of links
                there = [place for place in news if self._coverage.is_there(place)]
                yield from _of_inodes(Kind.FILE_ATTRIBUTES, there)

    def _once_a_directory(self, places: Iterable[Place]) -> list[Place]:
        """Of a file whose directory has several names (/run and /var/run) the place that matters most."""
        found: dict[tuple[str, object, bytes], Place] = {}
        for place in places:
            directory, _, name = place.path.rpartition(b"/")
            above = self._table.at(place.container, directory)
            found.setdefault((place.container, directory if above is None else above.wd, name), place)
        return list(found.values())

    def _is_told_by_name(self, notice: Notice, place: Place) -> bool:
        """The kernel tells what happens by a name first to the directory's watch, then at once to the file's
        (fsnotify_handle_event, fs/notify/fsnotify.c)."""
        last = self._last
        if not last.mask & notice.mask & INODE or not place.path.endswith(b"/" + last.name):
            return False
        directory = place.path.removesuffix(b"/" + last.name)
        return any((one.container, one.path) == (place.container, directory) for one in self._table.places(last.wd))

    def _written_to(self, notice: Notice, changes: Sequence[Change]) -> Iterator[Change]:
        """A close ends the writes before it and is no change of its own, except where none were seen."""
        key = (notice.wd, notice.name)
        if notice.mask & MODIFY:
            self._remember(key)
            yield from (change for change in changes if not change.programs)
            return
        seen = key in self._written
        self._written.pop(key, None)
        for change in changes:
            if change.programs or not seen:
                yield change._replace(unsure=not seen)

    def _remember(self, key: tuple[int, bytes]) -> None:
        self._written[key] = None
        if len(self._written) > REMEMBERED:
            self._written.popitem(last=False)

    def _arrived(self, notice: Notice, places: Sequence[Place]) -> Iterator[Change]:
        departure = self._take_departure(notice.cookie) if notice.mask & MOVED_TO else None
        if (before := self._leaving.get((notice.wd, notice.name))) is not None:
            yield from self._give_up(before)  # what had the name has left it before
        if notice.mask & CREATE:
            self._remember((notice.wd, notice.name))
        else:
            self._written.pop((notice.wd, notice.name), None)  # another file had the name
        for place in places:
            self._remember_name(place, notice.name)  # before it is told, which is remembered with it
        if departure is not None:
            yield from _renamed(departure, places, notice.name)
        else:
            yield from told(Kind.FILE_CREATE, places, notice.name)
        is_directory = bool(notice.mask & IS_DIRECTORY)
        self._overtaken = notice, self._moved.contents(places, notice.name) if is_directory else {}
        held = self._moved.arrived(notice.cookie)
        seen: set[tuple[str, bytes]] = set()
        for place in places:
            found = self._coverage.appeared(place, notice.name, is_directory=is_directory, tell=True)
            news = _unseen(self._found(place.container, found), place.path, seen)
            yield from news if departure is None else _untold(news, departure, held, place.path + b"/" + notice.name)

    def _found(self, container: str, paths: Iterable[bytes]) -> Iterator[Change]:
        for path in paths:
            directory, name = path.rsplit(b"/", 1)
            place = self._table.at(container, directory)
            if place is not None:
                yield from (change._replace(source=SCAN) for change in told(Kind.FILE_CREATE, (place,), name))

    def _left(self, notice: Notice, places: tuple[Place, ...], now: float, since: float) -> Iterator[Change]:
        self._written.pop((notice.wd, notice.name), None)
        if notice.mask & DELETE:
            yield from told(Kind.FILE_DELETE, places, notice.name)
        else:
            self._departures[notice.cookie] = _Departure(now, since, notice.wd, notice.name, places)
            self._leaving[notice.wd, notice.name] = notice.cookie
            if notice.mask & IS_DIRECTORY:
                self._moved.left(notice.cookie, self._moved.contents(places, notice.name), self._exchanged(notice))
            if len(self._departures) > REMEMBERED:
                yield from self._give_up(next(iter(self._departures)))
        for place in places:
            self._table.names.remove(place.container, place.path, notice.name)
            if notice.mask & DELETE:
                self._coverage.vanished(place, notice.name)
            elif self._coverage.moved_away(place, notice.name):
                self._remember_name(place, notice.name)

    def _exchanged(self, notice: Notice) -> Contents:
        """What was watched where something has just been moved to, if what is moved next has that name: in an exchange
        that is what leaves."""
        (arrived, contents), self._overtaken = self._overtaken, (NOTHING, {})
        return contents if (arrived.wd, arrived.name) == (notice.wd, notice.name) else {}

    def _remember_name(self, place: Place, name: bytes) -> None:
        if any(spot.has(name) for spot in place.spots):
            self._table.names.add(place.container, place.path, name)

    def _attributes(self, notice: Notice, places: Sequence[Place]) -> Iterator[Change]:
        if notice.name:
            yield from told(Kind.FILE_ATTRIBUTES, places, notice.name)
            return
        for place in places:
            yield from self._own_attributes(place)

    def _own_attributes(self, place: Place) -> Iterator[Change]:
        """Of the watched directory itself, unless the directory above is watched for that as well."""
        directory, name = os.path.split(place.path)
        above = self._table.at(place.container, directory.rstrip(b"/"))
        if above is not None and any(True for _ in told(Kind.FILE_ATTRIBUTES, (above,), name)):
            return
        if any(Kind.FILE_ATTRIBUTES in entry.kinds for _, entry in place.entries):
            yield Change(Kind.FILE_ATTRIBUTES, place.container, place.path or b"/")

    def _recheck(self, places: Sequence[Place], *, gone: bool) -> None:
        """A watched directory was moved, deleted or unmounted: see what its paths lead to now."""
        for place in places:
            if self._table.at(place.container, place.path) is not place:
                continue  # it lay below one before it, and went with that
            if gone:
                self._table.drop(place)
            self._coverage.verify(place)


def told(kind: Kind, places: Sequence[Place], name: bytes) -> Iterator[Change]:
    """The change for each container that wants it, by the path that matters most there."""
    told = set()
    for place in places:
        if place.container not in told and (programs := place.wanted(kind, name)) is not None:
            told.add(place.container)
            yield Change(kind, place.container, place.path + b"/" + name, programs=programs)


def _of_inodes(kind: Kind, places: Sequence[Place]) -> Iterator[Change]:
    """The change of a single file for each of its paths for which it is wanted."""
    for place in places:
        name = os.path.basename(place.path)
        if any(entry.wants(kind, name) for _, entry in place.entries):
            yield Change(kind, place.container, place.path)


def _renamed(departure: _Departure, places: Sequence[Place], name: bytes) -> Iterator[Change]:
    """Both halves of a rename, container by container; one that sees only one of them sees no rename."""
    here, there = _by_container(places), _by_container(departure.places)
    for container, new in here.items():
        if container not in there:
            yield from told(Kind.FILE_CREATE, new, name)
            continue
        wanted = [place.wanted(Kind.FILE_RENAME, name) for place in new]
        wanted += [place.wanted(Kind.FILE_RENAME, departure.name) for place in there[container]]
        if any(programs is not None for programs in wanted):
            path, old_path = new[0].path + b"/" + name, there[container][0].path + b"/" + departure.name
            yield Change(Kind.FILE_RENAME, container, path, old_path, programs=False not in wanted)
    for container, old in there.items():
        if container not in here:
            yield from told(Kind.FILE_DELETE, old, departure.name)


def _unseen(found: Iterable[Change], above: bytes, seen: set[tuple[str, bytes]]) -> Iterator[Change]:
    """What was found below a directory, but for what was found there by another of the directory's paths."""
    for change in found:
        key = (change.container, change.path.removeprefix(above))
        if key not in seen:
            seen.add(key)
            yield change


def _untold(found: Iterable[Change], departure: _Departure, held: Sequence[Contents], top: bytes) -> Iterator[Change]:
    """What was found in a renamed directory, now `top`, and was not told by its old path."""
    for change in found:
        below = change.path.removeprefix(top)
        before = (p.path + b"/" + departure.name + below for p in departure.places if p.container == change.container)
        if not any(was_told(held, change.container, path, programs=change.programs) for path in before):
            yield change


def _by_container(places: Sequence[Place]) -> dict[str, list[Place]]:
    found: dict[str, list[Place]] = {}
    for place in places:
        found.setdefault(place.container, []).append(place)
    return found
