"""Sees every program with its arguments, by tracing (SENSOR_PROCESS=trace; docs/trace.md).

A child of its own traces (`collectors.tracer`); here it is asked to attach to what is there and to what the cursor
finds, what it tells is taken in, and it is killed when it does not answer. The cursor goes on underneath: it finds what
enters the task from outside, and sees all that it ever did while there is no tracer.
"""

import asyncio
import struct
from collections.abc import Callable, Iterator
from contextlib import closing

from collectors.allowance import Overdraft
from collectors.following import UNTRACED
from collectors.process_table import Tracked
from collectors.task_view import Task
from collectors.trace_link import TracerLink, TracerLost
from collectors.trace_probe import probe
from collectors.trace_telling import TraceTelling
from collectors.trace_watchdog import LOOK_S, Watchdog
from collectors.tracer.wire import MalformedRecord
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import ProcessGone
from sensor.model.protocols import Capability, Emit, Status, TaskView

START_S = 10.0
"""Until the first answer, for a tracer has libraries to load; it holds up nobody before."""
SOON_S = 0.001
"""Between two reads of what the tracer tells, while a program may still live: its file is hashed through it."""
HOLD_OFF_S = 0.02
"""The same once more than `SOON_PER_SECOND` reads were needed: one wake-up for many records."""
SOON_PER_SECOND, SOON_SAVED = 100, 500
UNTOLD_S = 1.0
"""So long the tracer may take to tell an end that was seen otherwise; a silent one is lost before. It cannot tell that
of a process whose main thread had ended before it was attached to."""
REFUSED_AGAIN_S = 30.0
"""After this time a process that could not be attached to is tried again."""
STUCK_AGAIN_S = 5.0
"""The same of one for which a tracer was lost, and twice as long after each further time. An exec may end late where
its file is fetched as it is read."""
STUCK = "an exec of it does not end, and whoever attaches would wait for that"


class ProcessTrace:
    """`process.exec` and `process.exit`, through the process cursor. `may_trace` leaves processes out."""

    name = "process_trace"
    active = True

    def __init__(
        self,
        *,
        processes: Task,
        counters: Counters,
        clock: Clock,
        may_trace: Callable[[Tracked], bool] = lambda _: True,
    ) -> None:
        self._processes = processes
        self._counters = counters
        self._clock = clock
        self._may_trace = may_trace
        self._link: TracerLink | None = None
        self._asked: set[str] = set()
        self._soon = Overdraft(per_second=SOON_PER_SECOND, burst=SOON_SAVED, clock=clock)
        self._draining = False
        self._fault: TracerLost | None = None
        self._stuck: dict[str, tuple[float, float]] = {}
        self._starts = 0
        self._dropped = 0

    def probe(self) -> Capability:
        """Whether a tracer may run here; without one the cursor does what it can."""
        return probe(self._processes.procfs)

    def status(self) -> Capability:
        """What is followed, what was told, and what is left alone."""
        if self._link is None:
            return self.probe()
        found, refused = self._watchdog.last, self._telling.refused
        figures = {
            "followed": found.followed,
            "execs": found.execs,
            "dropped": found.dropped,
            "restarts": self._starts - 1,
            "refused": len(refused),
        }
        if not refused:
            return Capability(Status.OK, figures=figures)
        pid, why = next(iter(refused.items()))
        return Capability(
            Status.DEGRADED, f"{len(refused)} processes are not traced, PID {pid}: {why}", figures=figures
        )

    async def run(self, task: TaskView, emit: Emit) -> None:
        """Trace until cancelled. Raises TracerLost when the tracer is, which the supervisor starts again."""
        del task, emit  # what is seen goes the cursor's way
        self._dropped, self._fault = 0, None
        self._asked.clear()
        self._telling = TraceTelling(self._processes, self._counters, self._clock)
        link = self._link = self._processes.helpers.start_tracer()
        self._watchdog = Watchdog(link, self._clock)
        self._starts += 1
        self._processes.on_exit(self._telling.ended)
        reading = asyncio.create_task(self._read(link))
        try:
            await self._answered()
            self._processes.tracing = self
            self._attach_to_all()
            await self._watch(reading)
        except TracerLost as error:
            self._counters.lost("tracer_lost")
            if error.stuck_at is not None:
                self._leave_alone(error.stuck_at)
            raise
        finally:
            reading.cancel()
            self._processes.off_exit(self._telling.ended)
            self._end(link)

    # what the task view asks; see `following.Tracing`

    def claims(self, pid: int) -> bool:
        """What is not told of yet may have been, by now."""
        if self._telling.claim(pid):
            return True
        self.drain()
        return self._telling.claim(pid)

    def follows(self, process: Tracked) -> bool:
        """Born of one that is followed, or attached to with all its threads."""
        return process.traced or process.pid in self._telling.attached

    def tells_end(self, process: Tracked, status: int | None) -> bool:
        """What it has told came before this end. What it has yet to tell of one that it follows, a program among it, is
        told before its end."""
        self.drain()
        if process.ended is None and self.follows(process):
            self._telling.await_end(process, status)
            return True
        return process.ended is not None

    def found(self, process: Tracked) -> None:
        """Have it attached to, once."""
        if self._link is None or process.own or process.traced or process.entity in self._asked:
            return
        if not self._may_trace(process):
            return
        self._asked.add(process.entity)
        if self._clock.monotonic() < self._stuck.get(process.entity, (0.0, 0.0))[0]:
            self._telling.refused[process.pid] = STUCK
        else:
            self._link.attach(process.pid, process.start_ticks)

    def drain(self) -> None:
        """Take in what was told, if there is a cursor to tell it. Nonsense is the tracer's end, not the caller's."""
        if self._link is None or self._draining or self._processes.follower is None or self._fault is not None:
            return
        self._draining = True  # what is told may lead back to here
        try:
            self._telling.take(self._link.read())
        except (MalformedRecord, struct.error, ValueError) as error:
            self._fault = TracerLost(f"the tracer told what cannot be read: {error}")
        finally:
            self._draining = False

    # how it goes on

    async def _answered(self) -> None:
        while self._watchdog.look(START_S) is None:  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(LOOK_S / 10)

    def _attach_to_all(self) -> None:
        for process in self._processes.living():
            self.found(process)

    async def _watch(self, reading: asyncio.Task[None]) -> None:
        loop = asyncio.get_running_loop()
        tried = loop.time()
        while True:
            if reading.done():
                reading.result()
            if self._fault is not None:
                raise self._fault
            self._watchdog.look()
            self._telling.conclude(UNTOLD_S)
            self._count_dropped()
            self._attach_again()
            if loop.time() - tried > REFUSED_AGAIN_S:
                self._try_again()
                tried = loop.time()
            await asyncio.sleep(LOOK_S)

    async def _read(self, link: TracerLink) -> None:
        """Read when there is something, with a rest behind each."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        while True:
            loop.add_reader(link.fileno(), readable.set)
            try:
                await readable.wait()
            finally:
                loop.remove_reader(link.fileno())
            readable.clear()
            self.drain()
            self._soon.draw(1)
            await asyncio.sleep(HOLD_OFF_S if self._soon.is_overdrawn() else SOON_S)

    def _count_dropped(self) -> None:
        """What there was no room for may have been the end of something, or a program of what lives on."""
        if new := self._watchdog.last.dropped - self._dropped:
            self._dropped += new
            self._counters.lost("trace_dropped", new)
            self.drain()  # an end that was told is no lost one
            self._telling.conclude()
            for process in self._processes.living():
                if process.traced and self._has_changed(process):
                    self._processes.watch_again(process)
            self._telling.forget_gone()

    def _has_changed(self, process: Tracked) -> bool:
        """Whether it has ended, or runs another program than the tracer has told of."""
        try:
            stat = self._processes.procfs.stat(process.pid)
        except ProcessGone:
            return True
        except OSError:
            return False  # as far as is known
        return stat.start_ticks != process.start_ticks or self._processes.runs_another(process, stat)

    def _leave_alone(self, pid: int) -> None:
        """A tracer was lost for it: the next would be as well."""
        living = {process.entity for process in self._processes.living()}
        self._stuck = {entity: stuck for entity, stuck in self._stuck.items() if entity in living}
        if (process := self._processes.living_process(pid)) is not None:
            rest = 2 * self._stuck.get(process.entity, (0.0, STUCK_AGAIN_S / 2))[1]
            self._stuck[process.entity] = self._clock.monotonic() + rest, rest

    def _attach_again(self) -> None:
        """To what the tracer has lost, and to what an earlier one was lost for long enough ago."""
        strays, self._telling.strays = self._telling.strays, []
        for process in (*strays, *self._stuck_until_now()):
            self._asked.discard(process.entity)
            if process.ended is None:
                self.found(process)

    def _stuck_until_now(self) -> Iterator[Tracked]:
        now, refused = self._clock.monotonic(), self._telling.refused
        for pid in [pid for pid, why in refused.items() if why == STUCK]:
            process = self._processes.living_process(pid)
            if process is not None and self._stuck.get(process.entity, (0.0, 0.0))[0] <= now:
                del refused[pid]
                yield process

    def _try_again(self) -> None:
        refused = list(self._telling.refused)
        self._telling.refused.clear()
        for pid in refused:
            if (process := self._processes.living_process(pid)) is not None:
                self._asked.discard(process.entity)
                self.found(process)
        if len(self._asked) > 10_000:
            self._asked &= {process.entity for process in self._processes.living()}

    def _end(self, link: TracerLink) -> None:
        """Whatever ended it: what was told is taken in, and the cursor sees to the rest."""
        with closing(link):
            link.kill()
            self._processes.tracing = UNTRACED
            self.drain()
            self._link = None
            self._telling.let_go()
