"""The spool as the pipeline sees it: append what was sealed, read it for each destination, acknowledge it."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sensor.model.clock import Later
from sensor.model.counters import Counters
from sensor.model.errors import RetryableError
from sensor.model.kinds import Lane
from sensor.pipeline.batch import Sealed
from sensor.pipeline.spool.disk import PASSING, Recovered
from sensor.pipeline.spool.record import Record
from sensor.pipeline.spool.saver import Saver
from sensor.pipeline.spool.segment import Segment
from sensor.pipeline.spool.track import Track

SEGMENTS = 16
"""Into how many segments, at least, the bound is divided: the smaller they are, the less has to go at a time."""
MOST_SEGMENT, LEAST_SEGMENT = 256 * 1024, 4 * 1024
MOST_SEGMENTS = 70_000
"""What is beyond so many would not be found at the next start; the largest spool has 65,536 of the largest ones."""

SAVE_S = 1.0
"""Acknowledgements are written down that long after the first of them; what a kill forgets is sent and known again."""

READ_S = 30.0
"""Seconds until a segment that the disk does not give back is given up."""


class Left(NamedTuple):
    """Events that a destination did not get: gone for good, and on disk for the next start."""

    lost: int
    kept: int


class Spool:
    """Two lanes under one bound in memory, and one on disk where there is a `saver`; used from the loop only.

    When full, ordinary segments give way before urgent ones, the oldest first. Counts as lost, for each destination
    that had not read them, `spool_full`, `spool_unreadable` and `spool_corrupt`.
    """

    def __init__(
        self,
        destinations: Iterable[str],
        *,
        memory_bytes: int,
        counters: Counters,
        later: Later,
    ) -> None:
        names = tuple(destinations)
        self._tracks = {lane: Track(lane, names) for lane in Lane}
        self._memory_bytes = self._ordinary_bytes = memory_bytes
        self._segment_bytes = max(LEAST_SEGMENT, min(MOST_SEGMENT, memory_bytes // SEGMENTS))
        self._counters = counters
        self._later = later
        self._saver: Saver | None = None
        self._disk_bytes = 0
        self._saving = False
        self._given_up = False
        self._wakes: dict[tuple[str, Lane], asyncio.Event] = {}
        self._loaded: dict[tuple[str, Lane], tuple[Segment, dict[int, Sealed]]] = {}

    def limit(self, ordinary_bytes: int) -> None:
        """Keep no more in memory than this from now on, but for what is urgent; what is beyond it is lost, and counted.

        Never more than what it was made with.
        """
        self._ordinary_bytes = min(ordinary_bytes, self._memory_bytes)
        self._make_room()

    def adopt(self, saver: Saver, disk_bytes: int, found: Recovered) -> None:
        """Use the disk from now on, and begin with what was found there. To be called before `append`.

        What waits for a destination that is none any more is lost, and counted as `destination_removed`.
        """
        self._saver, self._disk_bytes = saver, disk_bytes
        for lane, track in self._tracks.items():
            acknowledged = {name: at[lane] for name, at in found.cursors.items()}
            track.resume(_in_order(found, lane), acknowledged)
            gone = (at for name, at in acknowledged.items() if name not in track.cursors)
            if waited := sum(segment.events_from(at) for at in gone for segment in track.segments):
                self._counters.lost("destination_removed", waited)
        self._settle()
        for wake in self._wakes.values():
            wake.set()

    def wake(self, name: str, lane: Lane) -> asyncio.Event:
        """An event that is set whenever something was appended to the lane; the destination's own, to clear."""
        return self._wakes.setdefault((name, lane), asyncio.Event())

    def numbered(self, lane: Lane, seq: int) -> None:
        """An event of the lane has got its number, and will be in a batch."""
        if self._saver is not None:
            self._saver.numbered(lane, seq)

    def reports(self, seq: int) -> None:
        """The urgent event of that number tells what the sensors before this one have lost."""
        if self._saver is not None:
            self._saver.reports(seq)

    def append(self, sealed: Sealed) -> None:
        """Take a batch. What must give way for it is counted."""
        track = self._tracks[sealed.lane]
        filed = self._saver is not None and self._saver.ready()
        segment = track.active(filed=filed)
        if segment is None:
            self._close_last(track)
            segment = track.begin(filed=filed)
        position = segment.append(sealed)
        track.next = segment.end
        if self._saver is not None:
            self._saver.beyond(self._in_memory_only())
            if filed:
                self._saver.append(segment, Record(position, sealed))
        if segment.size >= self._segment_bytes:
            self._close_last(track)
        self._make_room()
        for (_, lane), wake in self._wakes.items():
            if lane is sealed.lane:
                wake.set()

    @property
    def room(self) -> int:
        """Bytes that may be kept in memory now, but for what is urgent."""
        return self._ordinary_bytes

    def held(self, lane: Lane) -> int:
        """Bytes of the lane in memory."""
        return self._tracks[lane].held

    def unread(self, name: str, lane: Lane) -> bool:
        """Whether there is something for the destination to read."""
        return name in self._tracks[lane].cursors and self._tracks[lane].unread(name)

    def unread_events(self, name: str, lane: Lane) -> int:
        """How many events wait for the destination."""
        return sum(events for _, _, events in self._unread(name, lane))

    def unread_bytes(self, name: str, lane: Lane) -> int:
        """About how many bytes of batches wait for the destination."""
        track = self._tracks[lane]
        if name not in track.cursors:
            return 0
        read = track.cursors[name].read
        return sum(segment.bytes_from(read) for segment in track.segments if segment.end > read)

    async def read(self, name: str, lane: Lane) -> Record | None:
        """The destination's next batch, None where there is none. It then counts as the destination's to answer for.

        Raises `RetryableError` where it is on disk and there is no descriptor, or no memory, to read it with.
        """
        track = self._tracks[lane]
        cursor = track.cursors[name]
        while (segment := track.at(cursor.read)) is not None:
            position = max(cursor.read, segment.first)
            sealed = segment.get(position)
            if sealed is None:
                sealed = await self._from_disk(name, segment, position)
                if track.at(cursor.read) is not segment:
                    continue  # it had to give way meanwhile
            cursor.read = max(cursor.read, position + 1)
            if sealed is not None:
                return Record(position, sealed)
            if events := segment.counts[position - segment.first]:
                self._counters.lost("spool_corrupt", events)
        self._loaded.pop((name, lane), None)
        return None

    def acknowledge(self, name: str, lane: Lane, position: int) -> None:
        """The destination needs nothing before that position any more."""
        track = self._tracks[lane]
        if name in track.cursors:
            track.acknowledge(name, position)
            self._settle()

    def leave(self, name: str) -> None:
        """The destination is gone: nothing waits for it."""
        for track in self._tracks.values():
            track.leave(name)
        self._settle()

    def is_saved(self, lane: Lane, position: int) -> bool:
        """Whether the batch at that position will be there after a restart."""
        segment = self._tracks[lane].at(position)
        return segment is not None and segment.first <= position and segment.is_saved(position)

    def give_up(self, name: str, lane: Lane) -> Left:
        """The time is up: what the destination has not read; it reads nothing of it any more.

        What is on disk stays, whatever comes after it and is acknowledged: what is appended from now on is the last
        word, and nothing that was told as left gives way to it.
        """
        track = self._tracks[lane]
        if name not in track.cursors:
            return Left(0, 0)
        lost = kept = 0
        for segment, position, events in self._unread(name, lane):
            if segment.is_saved(position):
                kept += events
            else:
                lost += events
        track.keep_saved(name)
        self._given_up = True
        return Left(lost, kept)

    async def aclose(self, patience: float) -> None:
        """Write down what the next start must know, within that many seconds."""
        if self._saver is None:
            return
        closed = asyncio.Event()
        saver, self._saver = self._saver, None
        saver.save(self._cursors())
        saver.close(closed.set)
        try:
            await asyncio.wait_for(closed.wait(), patience)
        except TimeoutError:
            return  # a disk that hangs; its thread ends with the process

    def _unread(self, name: str, lane: Lane) -> Iterator[tuple[Segment, int, int]]:
        """The batches that the destination has not read: where, and how many events are in it."""
        track = self._tracks[lane]
        if name not in track.cursors:
            return
        for segment, position in track.batches(track.cursors[name].read):
            yield segment, position, segment.counts[position - segment.first]

    async def _from_disk(self, name: str, segment: Segment, position: int) -> Sealed | None:
        """A batch that is in the segment's file only; all of the segment is passed over where it cannot be read."""
        key = name, segment.lane
        if key not in self._loaded or self._loaded[key][0] is not segment:
            self._loaded.pop(key, None)
            found = await self._load(segment)
            if found is None:
                self._pass_over(name, segment)
                return None
            self._loaded[key] = (segment, {record.position: record.sealed for record in found})
        return self._loaded[key][1].get(position)

    async def _load(self, segment: Segment) -> tuple[Record, ...] | None:
        if self._saver is None:
            return None
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._saver.read(segment, lambda found: None if answer.done() else answer.set_result(found))
        try:
            found = await asyncio.wait_for(answer, READ_S)
        except TimeoutError:
            return None
        if isinstance(found, OSError) and found.errno in PASSING:
            raise RetryableError(f"the spool cannot be read now: {found.strerror}")
        return found if isinstance(found, tuple) else None

    def _pass_over(self, name: str, segment: Segment) -> None:
        cursor = self._tracks[segment.lane].cursors.get(name)
        if cursor is not None and cursor.read < segment.end and segment in self._tracks[segment.lane].segments:
            self._counters.lost("spool_unreadable", segment.events_from(cursor.read))
            cursor.read = segment.end

    def _close_last(self, track: Track) -> None:
        """Nothing more goes into the last segment."""
        if not track.segments or not track.segments[-1].is_open:
            return
        last = track.segments[-1]
        last.is_open = False
        if last.filed and self._saver is not None:
            self._saver.finish(last)
            if last.on_disk:
                last.forget()

    def _make_room(self) -> None:
        if self._given_up:
            return
        urgent, ordinary = self._tracks[Lane.URGENT], self._tracks[Lane.ORDINARY]
        while ordinary.held > max(0, self._ordinary_bytes - urgent.held):
            self._drop(next(s for s in ordinary.segments if s.held))
        while urgent.held > self._memory_bytes:  # then nothing ordinary is left
            self._drop(next(s for s in urgent.segments if s.held))
        while (
            urgent.filed + ordinary.filed > max(self._disk_bytes, self._segment_bytes)
            or len(urgent.segments) + len(ordinary.segments) > MOST_SEGMENTS
        ):
            self._drop(next(s for track in (ordinary, urgent) for s in track.segments if s.filed))

    def _drop(self, segment: Segment) -> None:
        lost = self._tracks[segment.lane].drop(segment)
        if lost:
            self._counters.lost("spool_full", lost)
        if segment.filed and self._saver is not None:
            self._saver.remove(segment)

    def _settle(self) -> None:
        """Let go of what nobody wants, and write down how far everyone is."""
        for track in self._tracks.values():
            for segment in track.take_done(self._segment_bytes // 4):
                if segment.filed and self._saver is not None:
                    self._saver.remove(segment)
        if self._saver is not None and not self._saving:
            self._saving = True
            self._later(SAVE_S, self._save)

    def _save(self) -> None:
        self._saving = False
        if self._saver is not None:
            self._saver.save(self._cursors())

    def _cursors(self) -> dict[str, dict[Lane, int]]:
        names = self._tracks[Lane.URGENT].cursors
        return {name: {lane: self._tracks[lane].cursors[name].acknowledged for lane in Lane} for name in names}

    def _in_memory_only(self) -> bool:
        return any(segment.in_memory_only for track in self._tracks.values() for segment in track.segments)


def _in_order(found: Recovered, lane: Lane) -> list[Segment]:
    """The segments of a lane that follow each other; one that claims the place of another is passed over."""
    segments: list[Segment] = []
    for kept in sorted((kept for kept in found.segments if kept.lane is lane), key=lambda kept: kept.first):
        if not segments or kept.first >= segments[-1].end:
            segment = Segment(lane, kept.first, filed=True, size=kept.size, saved=len(kept.counts), is_open=False)
            segment.counts.extend(kept.counts)
            segments.append(segment)
    return segments
