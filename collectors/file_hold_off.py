"""Folds what happens again and again to one path, so that a log file cannot flood anybody.

The first change of a kind to a path is told at once. What follows within the hold-off is one event at its end, with
the number of changes in it; while there are more, the next hold-off begins then. Of two kinds the one that came last to
a path is told last, so that a file that was deleted and made anew is not left as deleted.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from collectors.file_changes import INOTIFY, SCAN, Change
from collectors.watch_list import CHANGES
from sensor.model.kinds import Kind

HOLD_OFF_S = 2.0
MOST = 4096
"""How many paths are held at once; beyond it the oldest hold-off ends early."""

_Key = tuple[str, bytes, Kind]


@dataclass(slots=True)
class _Held:
    """A hold-off that began at `since`; its latest change came at `last`, as the `number`-th of all. `scanned`: that
    was found by a scan and its notice may follow. `gone`: what was created has been deleted or moved away.
    `earliest`: when the first of what is folded can have happened."""

    since: float
    latest: Change
    last: float
    number: int
    scanned: bool
    gone: bool = False
    folded: int = 0
    earliest: float = 0.0


class HoldOff:
    """Times are monotonic, in seconds."""

    def __init__(self, seconds: float = HOLD_OFF_S, most: int = MOST) -> None:
        self._seconds = seconds
        self._most = most
        self._held: OrderedDict[_Key, _Held] = OrderedDict()
        self._folded = 0
        self._number = 0
        self.folded = 0
        """How many changes were held back so far."""

    def offer(self, change: Change, now: float, since: float) -> Iterator[Change]:
        """What is to be told now; to be consumed whole. `since` is for a change that does not say when it can have
        happened: whoever was gone by then may have made the one before it, and not this."""
        key = (change.container, change.path, change.kind)
        self._number += 1
        self._note_gone(change)
        held = self._held.get(key)
        if held is not None and now < held.since + self._seconds:
            self._fold(held, change, now, since if change.since is None else change.since)
            return
        if held is not None:
            yield from self._end(key)
        yield from self._end_before(change, self._number)
        self._held[key] = _Held(now, change, now, self._number, scanned=change.source == SCAN)
        yield change
        if len(self._held) > self._most:
            yield from self._end(next(iter(self._held)))

    def due(self, now: float) -> Iterator[Change]:
        """What was folded in the hold-offs that have ended."""
        while self._held:
            key, held = next(iter(self._held.items()))
            if held.since + self._seconds > now:
                return
            again = bool(held.folded)
            yield from self._end(key)
            if again:
                self._held[key] = replace(held, since=now, folded=0)

    def next_due(self) -> float | None:
        """When `due` may have something; None while nothing is folded."""
        if not self._folded:
            return None
        return next(iter(self._held.values())).since + self._seconds

    def end(self, container: str | None = None) -> Iterator[Change]:
        """End the hold-offs of a container (None: all), and give what was folded in them."""
        for key in [key for key in self._held if container in (key[0], None)]:
            if key in self._held:
                yield from self._end(key)

    def _fold(self, held: _Held, change: Change, now: float, since: float) -> None:
        is_another = change.source == SCAN and (held.gone or self._came_with_directory(change, held.last))
        is_echo = not is_another and (change.source == SCAN or held.scanned)
        held.scanned, held.gone = is_another, False
        if is_echo:
            return  # the scan and the notice saw one and the same change
        held.last, held.number = now, self._number
        if change.source != INOTIFY and not is_another and held.folded:
            return  # how often is not known, and the end of the hold-off tells how the file is then
        if not held.folded:
            self._folded += 1
            held.earliest = since
        held.folded += change.count
        self.folded += change.count
        held.latest = change

    def _came_with_directory(self, change: Change, last: float) -> bool:
        """Whether a directory above it was made or moved there since: what a scan finds in that is another file."""
        path = change.path
        while path := path.rpartition(b"/")[0]:
            for kind in (Kind.FILE_CREATE, Kind.FILE_RENAME):
                above = self._held.get((change.container, path, kind))
                if above is not None and above.last > last and above.latest.source == INOTIFY:
                    return True
        return False

    def _note_gone(self, change: Change) -> None:
        """What is created after this is another file, whether a scan finds it or a notice tells."""
        path = change.path if change.kind is Kind.FILE_DELETE else change.old_path
        created = None if path is None else self._held.get((change.container, path, Kind.FILE_CREATE))
        if created is not None:
            created.scanned, created.gone = False, True

    def _end(self, key: _Key) -> Iterator[Change]:
        held = self._held.pop(key)
        if held.folded:
            self._folded -= 1
            yield from self._end_before(held.latest, held.number)
            yield held.latest._replace(count=held.folded, since=held.earliest)

    def _end_before(self, change: Change, number: int) -> Iterator[Change]:
        """What was folded of other kinds, the last of which came to its paths before the change."""
        for path in filter(None, (change.old_path, change.path)):
            for kind in CHANGES:
                other = (change.container, path, kind)
                if (held := self._held.get(other)) is not None and held.folded and held.number < number:
                    yield from self._end(other)
