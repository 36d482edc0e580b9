"""Sees new processes by the last PID that the kernel handed out, at once when a program file is opened.

The fifth field of /proc/loadavg is one read, whatever the number of processes; only the numbers between two reads
need a look (`process_arrivals`), so cost follows what is new. Each new process is read until it has settled
(`process_settling`). A number that is gone when looked at is `unexplained`: a process, a thread, or a fork that failed
at a pids limit.
"""

import asyncio
import logging
import time

from collectors.exec_telling import ExecTelling
from collectors.hint_listener import HintListener
from collectors.open_hints import OpenHints
from collectors.pace import PROCESSES, ThreadShare
from collectors.pid_numbers import PidNumbers
from collectors.process_arrivals import UNREADABLE, Arrivals
from collectors.process_events import ProcessEvents
from collectors.process_settling import Settling
from collectors.process_table import Tracked
from collectors.procfs import Procfs
from collectors.repeating import repeat
from collectors.rotation import Rotation
from collectors.task_view import Task
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.events import Timestamp
from sensor.model.kinds import Kind
from sensor.model.protocols import Capability, Emit, Status, TaskView
from sensor.model.resolution import Step

TICK_S = 0.02
RESTING_S = 0.15
"""Between two looks where hints call in between, and no container came or went for `UNREST_S`."""
FEW = 16
"""New numbers between two looks that are looked at even then, if a tracer tells of all others."""
STORM_S = 0.25
"""Between two looks while what goes by is only counted, or the timer is given up for hints."""
TURN_S = 0.1
RESTING_TURN_S = 0.4
"""Between two turns of the slow round; at rest fewer and larger ones, since the first read after a pause costs most."""
UNREST_S = 60.0
"""So long after a change the next container may be near; a new one gives no hints before it is known."""
COVER_S = 10.0
"""How soon a container that gives no hints is tried again: its root may have been out of reach when it came."""
LOOKS, NAP_S = 16, 1e-6
"""So often a new process is looked at on the spot until it runs its program, which may be over in less than a
millisecond: a turn of the loop takes too long. In between the core is left to it, since who is woken by an open may
well run in the place of who opened; the kernel makes 50 µs of the shortest sleep (prctl(2), PR_SET_TIMERSLACK)."""
OTHERS = 10
"""Processes of a container that are looked at once, where the newest does not run what was opened there."""
STORM_TOLD_S = 60.0
"""Between two lines in the log about too many processes."""

log = logging.getLogger(__name__)


class ProcessCursor:
    """`process.exec`, `process.exit` and `process.identity`, `container.start` and `container.stop`."""

    name = "process_cursor"

    def __init__(self, *, processes: Task, counters: Counters, clock: Clock) -> None:
        self._processes = processes
        self._procfs = processes.procfs
        self._counters = counters
        self._clock = clock
        self._storm_told = float("-inf")
        self._changed = float("-inf")
        self._passing = False
        self._covered_at = float("-inf")
        self._numbers = PidNumbers(processes.procfs, clock)

    def probe(self) -> Capability:
        """Whether the cursor can be read and siblings can be seen."""
        return probe(self._procfs)

    def status(self) -> Capability:
        """Which containers give no exec hints, so that their shortest processes are missed."""
        blind = [c for c in self._processes.containers() if self._is_watched(c) and not self._hints.cover([c])]
        if not blind:
            return self.probe()
        reason = self._processes.why_no_root(blind[0]) or "its directories of programs cannot all be watched"
        return Capability(Status.DEGRADED, f"no exec hints in {len(blind)} containers, {blind[0][:12]}: {reason}")

    async def run(self, task: TaskView, emit: Emit) -> None:
        """Announce what runs already, then what comes and goes, until cancelled."""
        self._numbers.open()
        self._cpu = ThreadShare(lambda: self._processes.cores, PROCESSES, self._clock, self._processes.spent)
        self._telling = ExecTelling(self._processes, emit)
        self._events = ProcessEvents(emit, self._telling, self._clock)
        self._rotation = Rotation(self._processes.living)
        self._matching = matching = OpenHints(self._clock)
        self._hints = HintListener(
            root_of=task.root_of, matching=matching, wake=self._hinted, counters=self._counters, clock=self._clock
        )
        self._settling = Settling(
            processes=self._processes,
            events=self._events,
            matching=matching,
            hints=self._hints,
            counters=self._counters,
            clock=self._clock,
        )
        self._arrivals = Arrivals(
            processes=self._processes,
            settling=self._settling,
            hints=self._hints,
            counters=self._counters,
            clock=self._clock,
        )
        self._processes.on_exit(self._settling.exited)
        self._processes.executables.opened = matching.opens_ourselves
        self._processes.executables.opened_file = matching.opens_file
        try:
            self._tell_what_runs(task)
            self._processes.follower = self
            await self._watch()
        finally:
            self._processes.follower = None
            self._processes.off_exit(self._settling.exited)
            task.unlisten(self)
            self._arrivals.close()
            self._settling.close()
            self._telling.close()
            self._hints.close()
            self._numbers.close()

    def container_started(self, container_id: str) -> None:
        """A container's first process is there."""
        self._changed = self._clock.monotonic()
        self._events.container(Kind.CONTAINER_START, container_id)
        if self._is_watched(container_id):
            self._hints.enter(container_id, self._processes.search_path(container_id))

    def container_stopped(self, container_id: str) -> None:
        """A container's last process has ended."""
        self._changed = self._clock.monotonic()
        self._events.container(Kind.CONTAINER_STOP, container_id)
        self._hints.leave(container_id)

    def is_up_to_date(self) -> bool:
        """Whether every number that was handed out has been looked at, and none of them is still on its way."""
        self._processes.tracing.drain()
        return not self._numbers.are_new() and not self._arrivals.are_expected and not self._matching.has_unread

    def catch_up(self) -> None:
        """Look at the numbers that were handed out since the last look, unless there are too many."""
        if not self._passing and self._numbers.are_new():
            self._look_around()

    def ran(self, process: Tracked, at: Timestamp) -> None:
        """A tracer saw a program begin; see `following.Follower`."""
        self._settling.traced(process, at)

    # what wakes us

    async def _watch(self) -> None:
        self._turned = self._clock.monotonic()
        try:
            await repeat(self._tick)
        except asyncio.CancelledError:
            self._look_around()  # what came since the last look is still told
            self._processes.tracing.drain()
            raise

    def _tick(self) -> float:
        """One look, and the slow round's turn; the seconds until the next."""
        if self._arrivals.are_due() and not self._cpu.is_overdrawn():
            self._arrivals.look_at_all()  # which knows of the ends that came since numbers were seen to go by
        self._look_around()
        rest = self._rest()
        if (now := self._clock.monotonic()) - self._turned >= (RESTING_TURN_S if rest == RESTING_S else TURN_S):
            for process in self._rotation.turn(now - self._turned):
                self._settling.look_again(process)
            self._cover_again()
            self._turned = now
        return rest

    def _look_around(self) -> None:
        """The timer's look, for nothing depends on hints alone. Mostly there is nothing new, and it ends at once."""
        news = self._numbers.are_new()
        self._passing = news and self._cpu.is_overdrawn()
        if self._passing:
            return self._let_pass()
        if news:
            self._hints.read()
            self._follow()
        else:
            self._count_gone_by(self._numbers.went_round())
        if self._processes.tracing.active:
            self._hints.stop()  # the tracer sees each program, and a hint of it would only wake us
        else:
            self._hints.listen()
        self._settling.conclude()
        return None

    def _hinted(self) -> None:
        """A program file was opened: whatever is new is looked at now, in the few moments that it may live."""
        try:
            self._look_at_once()
        except UNREADABLE:
            self._arrivals.unreadable()

    def _look_at_once(self) -> None:
        """What is new is read first, since it may be gone in a moment, and what was opened afterwards: the loader's
        open, which is the second of most programs, is there by then and spares a turn of the loop. So may be all that
        one has opened which is newer still, and nothing would wake us for it any more."""
        unsettled = self._settling.about_to_run()
        self._see_what_is_new()
        if unsettled is not None:
            self._settling.look_at_newest()
        opens = self._hints.read()
        if opens:
            self._see_what_is_new()
            self._look_for_later_execs(self._matching.containers() & {opened.container for opened in opens})
        self._settling.conclude()

    def _see_what_is_new(self) -> None:
        if not self._follow():
            return
        for _ in range(LOOKS):
            process = self._settling.about_to_run()
            if process is None:
                break
            time.sleep(NAP_S)
            if not self._settling.read_once_it_runs(process):
                break

    def _cover_again(self) -> None:
        if self._processes.tracing.active or self._clock.monotonic() - self._covered_at < COVER_S:
            return
        self._covered_at = self._clock.monotonic()
        for container_id in self._processes.containers():
            if self._is_watched(container_id) and not self._hints.cover([container_id]):
                self._hints.enter(container_id, self._processes.search_path(container_id))

    def _look_for_later_execs(self, containers: set[str]) -> None:
        """Something that is not new opened a program, perhaps to become it in a moment: most likely the newest. Where
        one that is new has still to run its program, that is the likelier."""
        if containers and (new := self._settling.about_to_run()) is not None:
            containers = containers - {new.container} if new.container is not None else set()
        if not containers:
            return
        nearest = self._rotation.hurry(containers, 1)
        if not any(map(self._see_another_run, nearest)):
            for process in self._rotation.hurry(containers, OTHERS):
                self._settling.look_again(process)

    def _see_another_run(self, process: Tracked) -> bool:
        """Whether it was this one: also where it has ended meanwhile, so that the loop is free for what comes next."""
        for _ in range(LOOKS):
            time.sleep(NAP_S)
            try:
                if self._settling.tells_another(process):
                    return True
            except (ProcessGone, OSError):
                return True  # its end or its next turn tells what came of it
        return False

    def _rest(self) -> float:
        if self._passing or self._processes.resolution.gives_up(Step.TICK):
            return STORM_S
        if self._processes.tracing.active or self._clock.monotonic() - self._changed < UNREST_S:
            return TICK_S
        watched = [container_id for container_id in self._processes.containers() if self._is_watched(container_id)]
        return RESTING_S if watched and self._hints.is_listening and self._hints.cover(watched) else TICK_S

    def _is_watched(self, container_id: str) -> bool:
        """Our own container is left out, unless others live there."""
        return container_id != self._processes.left_out

    # what is new

    def _tell_what_runs(self, task: TaskView) -> None:
        """The whole tree, oldest first, so that parents are known before their children."""
        self._events.from_before = True
        try:
            task.listen(self)
            for process in sorted(self._arrivals.all_there(), key=lambda p: p.start_ticks):
                if not process.announced:
                    self._settling.look(process)
        finally:
            self._events.from_before = False

    def _follow(self) -> bool:
        """Look at every number handed out since the last time; whether there were any."""
        numbers, newest, unseen = self._numbers.look()
        self._count_gone_by(unseen)
        if numbers is None:
            self._counters.add("cursor.jumps")
            self._arrivals.look_at_all()
            self._arrivals.went_by()  # the newest may have been on its way
            return True
        self._arrivals.look_at(numbers, newest)
        return bool(numbers)

    def _count_gone_by(self, numbers: int) -> None:
        if numbers:
            self._counters.unexplained += numbers
            self._arrivals.went_by()

    def _let_pass(self) -> None:
        """Over budget: the cursor is followed, so that what goes by is counted, and nothing is looked at for now.

        What a tracer tells of goes not by; and a few others are looked at, since they are to be attached to.
        """
        self._hints.stop()
        numbers, newest, unseen = self._numbers.look()
        if self._processes.tracing.active and numbers is not None:
            numbers = [pid for pid in numbers if not self._processes.tracing.claims(pid)]
            if len(numbers) <= FEW:
                self._count_gone_by(unseen)
                return self._arrivals.look_at(numbers, newest)
        if passed := len(numbers or ()) + unseen:
            self._count_gone_by(passed)
            self._counters.add("storm.numbers", passed)
            self._tell_storm()
        return None

    def _tell_storm(self) -> None:
        now = self._clock.monotonic()
        if now - self._storm_told > STORM_TOLD_S:
            log.warning("processes come faster than may be looked at; some go by, counted as unexplained")
            self._storm_told = now


def probe(procfs: Procfs) -> Capability:
    """Whether new processes can be seen here."""
    try:
        procfs.last_pid()
    except (OSError, ProcessGone, AccessDenied, IndexError, ValueError) as error:
        return Capability(Status.UNAVAILABLE, f"/proc/loadavg cannot be read: {error}", "mount /proc in the sensor")
    if procfs.is_init_ours():
        return Capability(
            Status.DEGRADED,
            "the sensor is PID 1: it sees no process but its own children",
            "share the PID namespace: pidMode task (ECS), shareProcessNamespace true (pods), --pid (docker)",
        )
    return Capability(Status.OK)
