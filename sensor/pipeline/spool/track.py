"""One lane: its segments in order, and how far each destination has come."""

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sensor.model.kinds import Lane
from sensor.pipeline.spool.segment import Segment


@dataclass(slots=True)
class Cursor:
    """Positions of one destination: the next to read, and the first that it has not acknowledged.

    `kept` is the first that it gave up and that the next start is to find on disk: it acknowledges nothing from there
    on, though later ones may still be delivered.
    """

    read: int
    acknowledged: int
    kept: int = sys.maxsize


class Track:
    """Batches are appended at `next`; a segment is let go when all cursors are past it."""

    def __init__(self, lane: Lane, destinations: Iterable[str]) -> None:
        self.lane = lane
        self.next = 1
        self.segments: deque[Segment] = deque()
        self.cursors = {name: Cursor(1, 1) for name in destinations}

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return sum(segment.held for segment in self.segments)

    @property
    def filed(self) -> int:
        """Bytes in files."""
        return sum(segment.size for segment in self.segments if segment.filed)

    def resume(self, segments: Iterable[Segment], acknowledged: dict[str, int]) -> None:
        """Begin with what another run left. To be called before anything else is done."""
        self.segments.extend(segments)
        last = self.segments[-1].end if self.segments else 1
        self.next = max([last, *(acknowledged.get(name, 1) for name in self.cursors)])
        for name, cursor in self.cursors.items():
            cursor.read = cursor.acknowledged = acknowledged.get(name, 1)

    def active(self, *, filed: bool) -> Segment | None:
        """The segment that may be appended to, of the wanted sort."""
        last = self.segments[-1] if self.segments else None
        return last if last is not None and last.is_open and last.filed is filed else None

    def begin(self, *, filed: bool) -> Segment:
        """A new segment at the end."""
        segment = Segment(self.lane, self.next, filed)
        self.segments.append(segment)
        return segment

    def at(self, position: int) -> Segment | None:
        """The first segment that holds something at or after a position."""
        return next((segment for segment in self.segments if segment.end > position), None)

    def unread(self, name: str) -> bool:
        """Whether there is something that the destination has not read."""
        return self.at(self.cursors[name].read) is not None

    def batches(self, start: int) -> Iterator[tuple[Segment, int]]:
        """Where the batches at and after a position are, and the position of each."""
        for segment in self.segments:
            for position in range(max(start, segment.first), segment.end):
                yield segment, position

    def keep_saved(self, name: str) -> None:
        """The destination gives up: what is on disk and not acknowledged stays there."""
        cursor = self.cursors[name]
        saved = (position for segment, position in self.batches(cursor.acknowledged) if segment.is_saved(position))
        cursor.kept = min(cursor.kept, next(saved, cursor.kept))
        cursor.read = self.next

    def acknowledge(self, name: str, position: int) -> None:
        """The destination wants nothing before that position any more."""
        cursor = self.cursors[name]
        cursor.acknowledged = max(cursor.acknowledged, min(position, cursor.kept))
        if self.segments:
            self.segments[0].release(self._wanted())

    def take_done(self, worth_keeping: int) -> list[Segment]:
        """The segments that nobody wants any more; they leave. An open file stays until it has that many bytes."""
        wanted = self._wanted()
        done = []
        while self.segments and self.segments[0].end <= wanted:
            first = self.segments[0]
            if first.is_open and first.filed and first.size < worth_keeping:
                break
            done.append(self.segments.popleft())
        return done

    def leave(self, name: str) -> None:
        """The destination wants nothing any more, ever."""
        self.cursors.pop(name, None)

    def drop(self, segment: Segment) -> int:
        """Take a segment out; how many events that costs, counted for each destination that had not read them."""
        self.segments.remove(segment)
        unread = (cursor.read for cursor in self.cursors.values() if cursor.read < segment.end)
        return sum(segment.events_from(position) for position in unread)

    def _wanted(self) -> int:
        return min((cursor.acknowledged for cursor in self.cursors.values()), default=self.next)
