"""Folds what happens again and again to one path, so that a log file cannot flood anybody.

The first change of a kind to a path is told at once. What follows within the hold-off is one event at its end, with
the number of changes in it; while there are more, the next hold-off begins then.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from collectors.file_changes import INOTIFY, SCAN, Change
from sensor.model.kinds import Kind

HOLD_OFF_S = 2.0
MOST = 4096
"""How many paths are held at once; beyond it the oldest hold-off ends early."""

_Key = tuple[str, bytes, Kind]


@dataclass(slots=True)
class _Held:
    """A hold-off that began at `since`. `scanned`: the change told was found by a scan and its notice may follow."""

    since: float
    latest: Change
    scanned: bool
    folded: int = 0


class HoldOff:
    """Times are monotonic, in seconds."""

    def __init__(self, seconds: float = HOLD_OFF_S, most: int = MOST) -> None:
        self._seconds = seconds
        self._most = most
        self._held: OrderedDict[_Key, _Held] = OrderedDict()
        self._folded = 0
        self.folded = 0
        """How many changes were held back so far."""

    def offer(self, change: Change, now: float) -> Iterator[Change]:
        """What is to be told now; to be consumed whole."""
        key = (change.container, change.path, change.kind)
        held = self._held.get(key)
        if held is not None and now < held.since + self._seconds:
            self._fold(held, change)
            return
        if held is not None:
            yield from self._end(key)
        if change.kind is Kind.FILE_DELETE:
            self._forget_scan(change)
        self._held[key] = _Held(now, change, scanned=change.source == SCAN)
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
                self._held[key] = _Held(now, held.latest, scanned=False)

    def next_due(self) -> float | None:
        """When `due` may have something; None while nothing is folded."""
        if not self._folded:
            return None
        return next(iter(self._held.values())).since + self._seconds

    def end(self, container: str | None = None) -> Iterator[Change]:
        """End the hold-offs of a container (None: all), and give what was folded in them."""
        for key in [key for key in self._held if container in (key[0], None)]:
            yield from self._end(key)

    def _fold(self, held: _Held, change: Change) -> None:
        if change.source == SCAN or held.scanned:
            held.scanned = False  # the scan and the notice saw one and the same change
            return
        if change.source != INOTIFY and held.folded:
            return  # how often is not known, and the end of the hold-off tells how the file is then
        self._folded += not held.folded
        held.folded += change.count
        self.folded += change.count
        held.latest = change

    def _forget_scan(self, change: Change) -> None:
        """What is created after a deletion is another file than the scan found."""
        created = self._held.get((change.container, change.path, Kind.FILE_CREATE))
        if created is not None:
            created.scanned = False

    def _end(self, key: _Key) -> Iterator[Change]:
        held = self._held.pop(key)
        if held.folded:
            self._folded -= 1
            yield held.latest._replace(count=held.folded, since=held.since)
