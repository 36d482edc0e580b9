"""The spool's files. Everything here may wait for the disk, and runs in the spool's own thread."""

import errno
import json
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from sensor.model.kinds import Lane
from sensor.pipeline.spool import marks as marks_file
from sensor.pipeline.spool import record
from sensor.pipeline.spool.directory import SpoolDirectory
from sensor.pipeline.spool.marks import MARKS_BYTES, Marks
from sensor.pipeline.spool.record import Record

MOST_SEGMENT = 24 * 1024 * 1024
"""Bytes of a segment file, at most; one closes far below, after the record that filled it."""

PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""What keeps us from a file that is as it was."""

MOST_CURSORS = 64 * 1024

MOST_POSITION = 2**62
"""Positions count batches: a number beyond that comes from elsewhere."""

_SEGMENT = re.compile(r"(urgent|ordinary)-([0-9a-f]{16})\.(part|seg)", re.ASCII)

Cursors = dict[str, dict[Lane, int]]
"""Destination → lane → the first position that it has not acknowledged."""


class Kept(NamedTuple):
    """A segment that the sensor before this one left: the events of each position from `first` on, and its bytes.

    A position whose record is damaged has no events.
    """

    lane: Lane
    first: int
    counts: tuple[int, ...]
    size: int

    @property
    def end(self) -> int:
        """The position after the last one."""
        return self.first + len(self.counts)


class Recovered(NamedTuple):
    """All that was left, and what was wrong with it: torn ends that were cut (bytes), damaged places, their events."""

    segments: tuple[Kept, ...] = ()
    cursors: Cursors = {}
    marks: Marks | None = None
    torn: int = 0
    corrupt: int = 0
    corrupt_events: int = 0


class Disk:
    """One sensor's files. Methods raise OSError."""

    def __init__(self, parent: str) -> None:
        self._directory = SpoolDirectory(parent)
        self._open: dict[Lane, tuple[int, int, int]] = {}
        self._spooled = dict.fromkeys(Lane, 0)
        self._marks = -1

    def recover(self, looked: Callable[[], None] = lambda: None) -> Recovered:
        """Read what is there, cut torn ends, and close what was left open; `looked` is called behind each file."""
        segments: list[Kept] = []
        torn = corrupt = corrupt_events = 0
        for name in self._directory.names():
            match = _SEGMENT.fullmatch(name)
            if match is not None and int(match[2], 16) < MOST_POSITION:
                found = self._recover(name, Lane(match[1]), int(match[2], 16))
                segments += found.segments
                torn, corrupt = torn + found.torn, corrupt + found.corrupt
                corrupt_events += found.corrupt_events
                looked()
        return Recovered(tuple(segments), self._cursors(), self._read_marks(), torn, corrupt, corrupt_events)

    def append(self, lane: Lane, first: int, written: Record) -> None:
        """Add a record to the lane's open segment, which begins with it where there is none that starts at `first`.

        A segment whose first record could not be written takes no later one: it would seem to have all before it.
        """
        if lane not in self._open or self._open[lane][1] != first:
            self._let_go(lane)
            name = _name(lane, first, "part")
            if written.position != first:
                raise OSError(f"{name} could not be begun")
            self._open[lane] = (self._directory.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL), first, 0)
        fd, _, end = self._open[lane]
        raw = record.packed(written)
        try:
            _write_at(fd, raw, end)
        except OSError:
            with suppress(OSError):
                os.ftruncate(fd, end)
            self._let_go(lane)
            raise
        self._open[lane] = (fd, first, end + len(raw))
        self._spooled[lane] = written.sealed.last_seq

    def finish(self, lane: Lane, first: int) -> None:
        """The segment is full: for good on the disk, and under its last name."""
        if lane in self._open and self._open[lane][1] == first:
            os.fsync(self._open[lane][0])
            self._let_go(lane)
            self._directory.rename(_name(lane, first, "part"), _name(lane, first, "seg"))

    def read(self, lane: Lane, first: int) -> tuple[Record, ...]:
        """The records of a segment that are whole."""
        try:
            raw = self._directory.read(_name(lane, first, "seg"), MOST_SEGMENT)
        except FileNotFoundError:
            raw = self._directory.read(_name(lane, first, "part"), MOST_SEGMENT)
        return record.scan(raw, lane, first).records

    def remove(self, lane: Lane, first: int) -> None:
        """Nobody needs the segment any more."""
        if lane in self._open and self._open[lane][1] == first:
            self._let_go(lane)
        for ending in ("part", "seg"):
            self._directory.remove(_name(lane, first, ending))

    def mark(self, marks: Marks) -> None:
        """Overwrite the marks; what is spooled is known here."""
        for lane in Lane:
            marks = marks.moved(lane, marks.lane(lane)._replace(spooled=self._spooled[lane]))
        if self._marks < 0:
            self._marks = self._directory.open("marks", os.O_WRONLY | os.O_CREAT)
            os.ftruncate(self._marks, MARKS_BYTES)
        _write_at(self._marks, marks_file.packed(marks), 0)

    def save(self, cursors: Cursors) -> None:
        """Replace the cursors."""
        self._directory.replace("cursors", json.dumps(cursors).encode())

    def close(self) -> None:
        """Let go of everything. Safe to call more than once."""
        for lane in Lane:
            self._let_go(lane)
        if self._marks >= 0:
            os.close(self._marks)
            self._marks = -1
        self._directory.close()

    def _recover(self, name: str, lane: Lane, first: int) -> Recovered:
        """One file. What cannot be read at all is one damaged place, and out of the way; but see `PASSING`."""
        try:
            raw = self._directory.read(name, MOST_SEGMENT)
        except OSError as error:
            if error.errno in PASSING:
                raise
            with suppress(OSError):  # a directory in the place of a file stays
                self._directory.remove(name)
            return Recovered(corrupt=1)
        scan = record.scan(raw, lane, first)
        found = Recovered(torn=len(raw) - scan.end, corrupt=scan.corrupt, corrupt_events=scan.corrupt_events)
        if not scan.records:
            self._directory.remove(name)
            return found
        if name.endswith(".part"):
            self._cut(name, scan.end)
        return found._replace(segments=(Kept(lane, first, _counts(scan.records, first), scan.end),))

    def _cut(self, name: str, end: int) -> None:
        """Cut a torn end, and close the segment: nothing is appended to what another process wrote."""
        fd = self._directory.open(name, os.O_WRONLY)
        try:
            os.ftruncate(fd, end)
            os.fsync(fd)
        finally:
            os.close(fd)
        self._directory.rename(name, name.removesuffix("part") + "seg")

    def _cursors(self) -> Cursors:
        """Empty where there are none that can be read: then everything is delivered again, and known to the store."""
        try:
            plain = json.loads(self._directory.read("cursors", MOST_CURSORS))
            return {str(name): {lane: min(int(at[lane]), MOST_POSITION) for lane in Lane} for name, at in plain.items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {}

    def _read_marks(self) -> Marks | None:
        try:
            return marks_file.unpacked(self._directory.read("marks", MARKS_BYTES))
        except OSError:
            return None

    def _let_go(self, lane: Lane) -> None:
        if lane in self._open:
            os.close(self._open.pop(lane)[0])


def _counts(records: Sequence[Record], first: int) -> tuple[int, ...]:
    counts = [0] * (records[-1].position + 1 - first)
    for position, sealed in records:
        counts[position - first] = sealed.count
    return tuple(counts)


def _name(lane: Lane, first: int, ending: str) -> str:
    return f"{lane}-{first:016x}.{ending}"


def _write_at(fd: int, raw: bytes, at: int) -> None:
    rest = memoryview(raw)
    while rest:
        n = os.pwrite(fd, rest, at)
        rest, at = rest[n:], at + n
