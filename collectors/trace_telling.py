"""Turns what the tracer says into what is known of the task, and has it told like what the cursor finds.

A process that was born of a traced one is the tracer's to tell of. One that was attached to may have been read by the
cursor already: the image's addresses say whether what the tracer saw begin is what was told.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from collectors.environ import preloads, unpacked
from collectors.process_reader import tty_name
from collectors.process_table import Tracked
from collectors.procfs import Stat, parse_stat, split_args, text
from collectors.program import is_random
from collectors.task_view import Task
from collectors.tracer import wire
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import ProcessGone
from sensor.model.events import Missing, Timestamp

CLAIM_S = 10.0
"""So long a number that was told of may wait for the cursor to pass it."""
MANY_CLAIMS = 4096

_WHY = {wire.GONE: "gone", wire.DENIED: "denied", wire.TOO_LONG: "too long"}


class TraceTelling:
    """Takes records in the order of the tracer."""

    def __init__(self, processes: Task, counters: Counters, clock: Clock) -> None:
        self._processes = processes
        self._counters = counters
        self._clock = clock
        self._claimed: dict[int, float] = {}
        self._newborn: dict[int, None] = {}
        self._parents: dict[int, int] = {}
        self._untold_ends: dict[int, tuple[Tracked, int | None, float]] = {}
        self.attached: set[int] = set()
        """Processes that were there before they were followed, and still live."""
        self.refused: dict[int, str] = {}
        """Processes that are left alone, and why."""
        self.strays: list[Tracked] = []
        """Processes that the tracer has lost, to be attached to anew."""

    def claim(self, pid: int) -> bool:
        """Whether the number was told of; that is said once, and not of one that was told of too long ago: it may have
        been handed out anew since."""
        at = self._claimed.pop(pid, None)
        return at is not None and self._clock.monotonic() - at <= CLAIM_S

    def take(self, records: Sequence[wire.Record]) -> None:
        """Take in what has happened. Raises MalformedRecord, struct.error or ValueError for what no tracer tells.

        What cannot be read besides, for want of descriptors, say, is counted, and keeps nothing behind it back.
        """
        self._claimed.update((r.pid, self._clock.monotonic()) for r in records if r.kind in (wire.BORN, wire.THREAD))
        for record in records:
            with self._each():
                self._take(record)
        for pid in list(self._newborn):
            with self._each():
                self._look_at(pid)
        self._newborn.clear()
        if len(self._claimed) > MANY_CLAIMS:
            self._forget_old_claims()

    def await_end(self, process: Tracked, status: int | None) -> None:
        """It has ended, with this wait status if it is known, and the tracer is to tell so behind its last program."""
        self._untold_ends[process.pid] = process, status, self._clock.monotonic()

    def conclude(self, after_s: float = 0.0) -> None:
        """Ends that the tracer has not told in this time are told without it."""
        latest = self._clock.monotonic() - after_s
        for process, status, seen_at in list(self._untold_ends.values()):
            if seen_at <= latest:
                self._untold_ends.pop(process.pid, None)
                self._processes.ended(process, status)

    def ended(self, process: Tracked) -> None:
        """It has ended, by whatever that is known: its end may never be told by the tracer."""
        self._untold_ends.pop(process.pid, None)
        self._parents.pop(process.pid, None)
        self.attached.discard(process.pid)
        self.refused.pop(process.pid, None)

    def forget_gone(self) -> None:
        """Ends were not told, of processes too that were never taken in."""
        for pid in list(self._parents):
            try:
                self._processes.procfs.stat(pid)
            except ProcessGone:
                del self._parents[pid]
            except OSError:
                return  # /proc cannot be read now: they are kept until ends are missing again

    def let_go(self) -> None:
        """The tracer is lost: all that it told of is watched by other means again."""
        self.conclude()
        for process in self._processes.living():
            if process.traced:
                self._processes.watch_again(process)
        self._claimed.clear()
        self._parents.clear()
        self.attached.clear()
        self.refused.clear()

    @contextmanager
    def _each(self) -> Iterator[None]:
        try:
            yield
        except ProcessGone:
            return  # its stat was torn, or its end is told behind
        except OSError:
            self._counters.lost("proc_unreadable")

    def _take(self, record: wire.Record) -> None:
        kind, pid = record.kind, record.pid
        if kind == wire.BORN:
            self._newborn[pid] = None
            self._parents[pid] = wire.PARENT.unpack(record.payload)[0]
            if (process := self._processes.living_process(pid)) is not None:
                process.traced = True  # the cursor was first to see its number
            self._counters.processes += 1
        elif kind == wire.KNOWN:
            self._known(parse_stat(record.payload))
        elif kind == wire.EXEC:
            self._executed(wire.unpack_fields(record.payload), Timestamp(record.time))
        elif kind == wire.EXIT:
            self._ended(pid, wire.STATUS.unpack(record.payload)[0], Timestamp(record.time))
        elif kind == wire.ATTACHED:
            self.attached.add(pid)
        elif kind == wire.REFUSED:
            self._refused(pid, text(record.payload))
        elif kind == wire.STRAYED:
            self._strayed(pid)

    def _known(self, stat: Stat) -> Tracked | None:
        """The process, taken in if it is new; from now on the tracer tells of it."""
        self._newborn.pop(stat.pid, None)
        process = self._processes.traced(stat, self._parents.get(stat.pid))
        if process is not None:
            process.traced = True
            if not process.settled:
                self._processes.settle(process)
        return process

    def _look_at(self, pid: int) -> None:
        """A process that runs its parent's program. Raises ProcessGone, OSError."""
        self._known(self._processes.procfs.stat(pid))

    def _executed(self, fields: wire.ExecFields, at: Timestamp) -> None:
        stat = parse_stat(fields.stat)
        process = self._known(stat)
        follower = self._processes.follower
        if process is None or process.own or follower is None:
            return
        start = _image(fields)
        told_before = is_random(start[0]) and any(told[1:] == start for told in process.told_images)
        if not told_before or process.image is None or process.image[1:] != start:
            fill(process, stat, fields)
        if told_before:
            self._counters.add("trace.told_before")
        else:
            follower.ran(process, at)

    def _ended(self, pid: int, status: int, at: Timestamp) -> None:
        self._newborn.pop(pid, None)
        self._parents.pop(pid, None)
        self.attached.discard(pid)
        self.refused.pop(pid, None)
        if (process := self._processes.living_process(pid)) is not None:
            process.exit_time = at
            self._processes.ended(process, status)

    def _refused(self, pid: int, why: str) -> None:
        self.refused[pid] = why
        self._counters.add("trace.refused")

    def _strayed(self, pid: int) -> None:
        """It runs a program that nobody has seen begin, and its end is not told: the cursor sees to both."""
        self.attached.discard(pid)
        self._counters.add("trace.strayed")
        if (process := self._processes.living_process(pid)) is not None:
            self._processes.watch_again(process)
            self.strays.append(process)

    def _forget_old_claims(self) -> None:
        oldest = self._clock.monotonic() - CLAIM_S
        self._claimed = {pid: at for pid, at in self._claimed.items() if at > oldest}


def fill(process: Tracked, stat: Stat, fields: wire.ExecFields) -> None:
    """What was read of a program goes into its process; what could not be is named as missing."""
    process.forget_program()
    process.comm, process.executed, process.tty = stat.comm, True, tty_name(stat.tty_nr)
    start = _image(fields)
    process.image = stat.image if start == stat.image[1:] else (0, *start)
    missing: list[Missing] = []
    if (raw := _given(fields.args, missing, "process.args")) is not None:
        process.args, process.args_cut = split_args(raw)
    if (raw := _given(fields.exe, missing, "process.exe")) is not None:
        process.exe = text(raw)
    if (raw := _given(fields.cwd, missing, "process.cwd")) is not None:
        process.cwd = text(raw)
    if raw := _given(fields.stdin, missing):
        process.stdin = text(raw)
    if (raw := _given(fields.ids, missing, "process.uid", "process.gid")) is not None:
        process.uid, process.gid = map(int, raw.split())
    if (raw := _given(fields.environ, missing, "process.preload")) is not None:
        found = unpacked(raw)
        process.preload, process.preload_cut = tuple(map(text, preloads(found))), found.cut
    if isinstance(fields.version, bytes):
        process.version = wire.VERSION.unpack(fields.version)
    process.missing = tuple(missing)


def _image(fields: wire.ExecFields) -> tuple[int, int]:
    if not isinstance(fields.image, bytes):
        raise wire.MalformedRecord("an exec without an image")
    stack, args = wire.IMAGE.unpack(fields.image)
    return stack, args


def _given(field: bytes | int, missing: list[Missing], *names: str) -> bytes | None:
    if isinstance(field, bytes):
        return field
    missing.extend(Missing(name, _WHY.get(field, "unsupported")) for name in names)
    return None
