"""What the loop asks of the disk, and how it stands: it may fail, fill up, or be slow, and then memory takes over."""

import logging
from collections.abc import Callable

from sensor.model.clock import Clock
from sensor.model.kinds import Lane
from sensor.pipeline.spool.disk import Cursors, Disk
from sensor.pipeline.spool.marks import BEYOND, CLEAN, Mark, Marks
from sensor.pipeline.spool.record import Record
from sensor.pipeline.spool.segment import Segment
from sensor.pipeline.spool.worker import Work, Worker
from sensor.telemetry.trouble import Trouble

SLOW_S = 2.0
"""A disk that has not taken a batch for so long is slow: what comes next stays in memory."""

RETRY_S = 30.0
"""How long the disk is left alone after trouble."""

AHEAD = 32
"""Numbers promised ahead of the encoder; more while it uses them up fast."""
MOST_AHEAD = 4096
FAST_S = 1.0

log = logging.getLogger(__name__)


class Saver:
    """Hands work to the disk's thread and knows whether more may be given to it."""

    def __init__(self, disk: Disk, worker: Worker, clock: Clock, marks: Marks) -> None:
        self._disk = disk
        self._worker = worker
        self._clock = clock
        self._marks = marks
        self._report: int | None = None
        self._trouble = Trouble("the spool directory cannot be used, events are kept in memory", clock)
        self._marks_sent = False
        self._marks_written: Marks | None = None
        self._cursors: Cursors | None = None
        self._waiting_since: list[float] = []
        self._retry_at = clock.monotonic()
        self._last = dict.fromkeys(Lane, 0)
        self._ahead = dict.fromkeys(Lane, AHEAD)
        self._promised_at = dict.fromkeys(Lane, clock.monotonic())
        for lane in Lane:
            self._promise(lane)
        self._send_marks()

    def ready(self) -> bool:
        """Whether the next batch should go to the disk."""
        now = self._clock.monotonic()
        if self._waiting_since and now - self._waiting_since[0] > SLOW_S and now >= self._retry_at:
            self._fail(f"nothing was written for {now - self._waiting_since[0]:.1f} s")
        return now >= self._retry_at

    def numbered(self, lane: Lane, seq: int) -> None:
        """An event has got its number. Its kind is promised ahead, so this rarely has anything to do."""
        self._last[lane] = seq
        ahead = self._ahead[lane]
        if seq + ahead // 2 > self._marks.lane(lane).promised:
            now = self._clock.monotonic()
            fast = now - self._promised_at[lane] < FAST_S
            self._ahead[lane] = min(2 * ahead, MOST_AHEAD) if fast else AHEAD
            self._promised_at[lane] = now
            self._promise(lane)
            self._send_marks()

    def reports(self, seq: int) -> None:
        """The urgent event of that number tells what the sensors before this one have lost."""
        self._report = seq

    def append(self, segment: Segment, record: Record) -> None:
        """Write a batch; the segment learns when that is done, or that it is not."""
        lane = segment.lane
        if self._clock.monotonic() - self._promised_at[lane] > FAST_S:
            self._ahead[lane] = AHEAD
        self._waiting_since.append(self._clock.monotonic())
        self._worker.submit(
            lambda: self._disk.append(lane, segment.first, record),
            lambda answer: self._appended(segment, record.sealed.last_seq, answer),
        )
        self._promise(lane)
        self._send_marks()

    def finish(self, segment: Segment) -> None:
        """Nothing more is appended to the segment."""
        lane, first = segment.lane, segment.first
        self._submit(lambda: self._disk.finish(lane, first))

    def remove(self, segment: Segment) -> None:
        """Nobody wants the segment any more."""
        lane, first = segment.lane, segment.first
        self._submit(lambda: self._disk.remove(lane, first))

    def read(self, segment: Segment, done: Callable[[object], None]) -> None:
        """Call `done` with the segment's records, or with what went wrong."""
        lane, first = segment.lane, segment.first
        self._worker.submit(lambda: self._disk.read(lane, first), done)

    def save(self, cursors: Cursors) -> None:
        """Write down how far the destinations are; of several that wait for the disk the last counts."""
        waits, self._cursors = self._cursors is not None, cursors
        if not waits:
            self._submit(self._save)

    def beyond(self, in_memory: bool) -> None:
        """Whether events are kept in memory only, so that the marks bound nothing; tried until it is written down."""
        if in_memory != bool(self._marks.flags & BEYOND):
            self._marks = self._marks._replace(flags=self._marks.flags ^ BEYOND)
        if self._marks != self._marks_written:
            self._send_marks()

    def close(self, done: Callable[[], None]) -> None:
        """Mark the end as clean, let go of the files, and call `done`."""
        self._marks = self._marks._replace(flags=self._marks.flags | CLEAN)
        self._submit(self._mark)
        self._worker.submit(self._disk.close, lambda _answer: done())

    def _promise(self, lane: Lane) -> None:
        self._marks = self._marks.moved(lane, Mark(promised=self._last[lane] + self._ahead[lane]))

    def _send_marks(self) -> None:
        """At most one such job waits for the disk, and writes what holds when its turn comes; none after the end."""
        if not self._marks_sent and not self._marks.flags & CLEAN:
            self._marks_sent = True
            self._worker.submit(self._mark, self._marked)

    def _mark(self) -> Marks:
        marks = self._marks
        self._disk.mark(marks)
        return marks

    def _marked(self, answer: object) -> None:
        self._marks_sent = False
        self._did(answer)
        if isinstance(answer, Marks):
            self._marks_written = answer
            if answer != self._marks:
                self._send_marks()

    def _save(self) -> None:
        cursors, self._cursors = self._cursors, None
        if cursors is not None:
            self._disk.save(cursors)

    def _submit(self, work: Work) -> None:
        self._worker.submit(work, self._did)

    def _did(self, answer: object) -> None:
        if isinstance(answer, Exception):
            self._fail(_told(answer))

    def _appended(self, segment: Segment, last_seq: int, answer: object) -> None:
        del self._waiting_since[0]
        if isinstance(answer, Exception):
            segment.is_open = False
            segment.failed = True
            self.beyond(True)
            self._fail(_told(answer))
            return
        if segment.failed:
            return  # what was written behind a gap is not counted on
        segment.saved += 1
        if segment.on_disk and not segment.is_open:
            segment.forget()
        if self._report is not None and segment.lane is Lane.URGENT and last_seq >= self._report:
            self._report, self._marks = None, self._marks.told()
            self._send_marks()
        if self._clock.monotonic() >= self._retry_at:
            self._trouble.mended("the spool directory works again")

    def _fail(self, reason: str) -> None:
        """What else fails before the disk is tried again does not put that off."""
        self._trouble.failed(reason)
        now = self._clock.monotonic()
        if now >= self._retry_at:
            self._retry_at = now + RETRY_S


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
