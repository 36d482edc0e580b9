"""Sees new processes by the last PID that the kernel handed out, at once when a program file is opened.

The fifth field of /proc/loadavg is one read, whatever the number of processes; only the numbers between two reads
need a look, so cost follows what is new. Each new process is read until it has settled. A number that is gone when
looked at is `unexplained`: a process, a thread, or a fork that failed at a pids limit.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from collectors.exec_hints import ExecHints, Opened
from collectors.open_hints import OpenHints, Unread
from collectors.pace import HINTS_PER_SECOND, HINTS_SAVED, Allowance, CpuShare, cores_of_task
from collectors.pid_numbers import handed_out
from collectors.process_events import ProcessEvents
from collectors.process_table import Tracked
from collectors.procfs import Procfs
from collectors.program import Program
from collectors.rotation import Rotation
from collectors.task_view import Task
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.kinds import Kind
from sensor.model.protocols import HOST, Capability, Emit, Status, TaskView

TICK_S = 0.02
RESTING_S = 0.1
"""Between two looks where hints call in between."""
REREAD_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.05)
"""After these times a new process is read again: at fork it shows its parent's program, at exec none, and one program
may run another in its place."""
FORKED_S = (0.25, 0.5, 1.0, 2.0, 5.0)
"""Later reads of a process that has still not run a program of its own."""
UNBORN = 4
"""The newest numbers that may still be on their way."""
UNBORN_S = 0.01
"""After this time such a number is looked for once more: the kernel hands it out early in a fork."""
STORM_TOLD_S = 60.0
"""Between two lines in the log about too many processes."""
LOADER_MS = 1
"""How long a new process's second hint, the loader's, is waited for on the spot: a turn of the loop takes too long."""
NEWEST = 32
"""Processes that one hint has looked at again."""

log = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    """A process that is looked at again when its timer or a hint says so."""

    process: Tracked
    step: int
    timer: asyncio.TimerHandle


class ProcessCursor:
    """`process.exec`, `process.exit` and `process.identity`, `container.start` and `container.stop`."""

    name = "process_cursor"

    def __init__(self, *, processes: Task, counters: Counters, clock: Clock) -> None:
        self._processes = processes
        self._procfs = processes.procfs
        self._counters = counters
        self._clock = clock
        self._matching = OpenHints()
        self._hints: ExecHints | None = None
        self._listening = False
        self._storm_told = float("-inf")
        self._waiting: dict[str, _Waiting] = {}
        self._last = 0
        self._pid_max = 0

    def probe(self) -> Capability:
        """Whether the cursor can be read and siblings can be seen."""
        return probe(self._procfs)

    async def run(self, task: TaskView, emit: Emit) -> None:
        """Announce what runs already, then what comes and goes, until cancelled."""
        self._last = self._procfs.last_pid()
        self._pid_max = int(self._procfs.read("sys/kernel/pid_max", 32))
        self._events = ProcessEvents(emit, self._clock)
        self._cpu = CpuShare(cores_of_task(), self._clock)
        self._wakes = Allowance(HINTS_PER_SECOND, HINTS_SAVED, self._clock)
        self._rotation = Rotation(self._processes.living)
        self._processes.on_exit(self._exited)
        self._hints = self._open_hints()
        try:
            self._tell_what_runs(task)
            await self._watch()
        finally:
            self._close(task)

    def container_started(self, container_id: str) -> None:
        """A container's first process is there."""
        self._events.container(Kind.CONTAINER_START, container_id)
        if self._hints is not None and self._is_watched(container_id):
            self._hints.enter(container_id, self._processes.search_path(container_id))

    def container_stopped(self, container_id: str) -> None:
        """A container's last process has ended."""
        self._events.container(Kind.CONTAINER_STOP, container_id)
        if self._hints is not None:
            self._hints.leave(container_id)

    # what wakes us

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        looked = loop.time()
        try:
            while True:
                self._look_around()
                now = loop.time()
                for process in self._rotation.turn(now - looked):
                    self._look_again(process)
                looked = now
                await asyncio.sleep(self._rest())
        except asyncio.CancelledError:
            self._look_around()  # what came since the last look is still told
            raise

    def _hinted(self) -> None:
        """A program file was opened: whatever is new is looked at now, in the few moments that it may live."""
        self._wakes.draw(1)
        if self._hints is None or self._wakes.is_overdrawn():
            return self._stop_listening()
        opens = self._read_opens()
        known = len(self._waiting)
        news = self._follow()
        if known:
            self._look_at_newest()
        if not news and not known and opens:
            self._look_for_later_execs({opened.container for opened in opens if not opened.by_loader})
        if news and self._about_to_run() and self._hints.wait(LOADER_MS):
            self._read_opens()
            self._look_at_newest()
        self._conclude()
        return None

    def _about_to_run(self) -> bool:
        newest = next(reversed(self._waiting.values()), None)
        return newest is not None and not newest.process.announced

    def _look_at_newest(self) -> None:
        for waiting in list(self._waiting.values())[-NEWEST:]:
            if not waiting.process.announced:
                self._look(waiting.process, waiting.step)

    def _read_opens(self) -> list[Opened]:
        now = self._clock.monotonic()
        opens = self._hints.read() if self._hints is not None and self._listening else []
        for opened in opens:
            self._matching.opened(now, opened)
        return opens

    def _look_around(self) -> None:
        """The timer's look: nothing depends on hints alone."""
        if self._cpu.is_overdrawn():
            return self._let_pass()
        if not self._wakes.is_overdrawn():
            self._listen()
        self._follow()
        self._conclude()
        return None

    def _rest(self) -> float:
        hints = self._hints
        containers = [c for c in self._processes.containers() if self._is_watched(c)]
        if hints is not None and containers and all(hints.covers(c) for c in containers):
            return RESTING_S
        return TICK_S

    def _is_watched(self, container_id: str) -> bool:
        """Our own container is left out, unless it is the whole machine."""
        return container_id == HOST or container_id != self._processes.own_container

    def _listen(self) -> None:
        """Be woken by hints; what they said while nobody listened is old."""
        if self._hints is None or self._listening:
            return
        while self._hints.read():
            self._counters.add("hints.missed")
        asyncio.get_running_loop().add_reader(self._hints.fileno(), self._hinted)
        self._listening = True

    def _stop_listening(self) -> None:
        if self._hints is not None and self._listening:
            asyncio.get_running_loop().remove_reader(self._hints.fileno())
        self._listening = False

    def _open_hints(self) -> ExecHints | None:
        """None where inotify is refused: then the timer alone must do, and ticks faster."""
        try:
            return ExecHints(self._processes.root_of, self._counters)
        except OSError as error:
            log.warning("no exec hints, short processes will be missed: %s", error)
            return None

    def _close(self, task: TaskView) -> None:
        self._processes.off_exit(self._exited)
        task.unlisten(self)
        for waiting in self._waiting.values():
            waiting.timer.cancel()
        self._waiting.clear()
        self._stop_listening()
        if self._hints is not None:
            self._hints.close()
            self._hints = None

    # what is new

    def _tell_what_runs(self, task: TaskView) -> None:
        """The whole tree, oldest first, so that parents are known before their children."""
        self._events.from_before = True
        try:
            task.listen(self)
            for process in sorted(self._all_there(), key=lambda p: p.start_ticks):
                if not process.announced:
                    self._look(process, 0)
        finally:
            self._events.from_before = False

    def _all_there(self) -> Iterator[Tracked]:
        for pid in self._procfs.pids():
            with suppress(ProcessGone):  # ended since it was listed
                if (process := self._taken_in(pid)) is not None:
                    yield process

    def _follow(self) -> bool:
        """Look at every number handed out since the last time; whether there were any."""
        last, now = self._last, self._procfs.last_pid()
        if now == last:
            return False
        self._last = now
        numbers = handed_out(last, now, self._pid_max)
        if numbers is None:
            self._counters.add("cursor.jumps")
            numbers = self._procfs.pids()
        self._counters.add("cursor.numbers", len(numbers))
        for pid in numbers:
            if self._found(pid):
                continue
            if now - pid < UNBORN:
                asyncio.get_running_loop().call_later(UNBORN_S, self._second_look, pid)
            else:
                self._unread(pid, None)
        return True

    def _second_look(self, pid: int) -> None:
        if not self._found(pid):
            self._unread(pid, None)

    def _found(self, pid: int) -> bool:
        """Look at a number for the first time; False where there is nothing of that number."""
        try:
            process = self._taken_in(pid)
        except ProcessGone:
            return False
        if process is not None and not process.announced and process.entity not in self._waiting:
            self._counters.processes += 1
            self._look(process, 0)
        return True

    def _let_pass(self) -> None:
        """Over budget: the cursor is followed, so that what goes by is counted, and nothing is looked at."""
        self._stop_listening()
        now = self._procfs.last_pid()
        passed = len(handed_out(self._last, now, self._pid_max) or ())
        self._last = now
        if passed:
            self._counters.unexplained += passed
            self._counters.add("storm.numbers", passed)
            self._tell_storm()

    def _tell_storm(self) -> None:
        now = self._clock.monotonic()
        if now - self._storm_told > STORM_TOLD_S:
            log.warning("processes come faster than may be looked at; some go by, counted as unexplained")
            self._storm_told = now

    def _taken_in(self, pid: int) -> Tracked | None:
        """None for threads, and for what is our own, which is counted. Raises ProcessGone."""
        process = self._processes.track(pid)
        if process is None or not process.own:
            return process
        if not process.announced:
            process.announced = process.settled = True
            self._counters.add("own_processes")
        return None

    def _unread(self, pid: int, process: Tracked | None) -> None:
        self._read_opens()  # what belongs to it may have come at the same moment
        self._matching.unread(Unread(self._clock.monotonic(), pid, process))
        self._conclude()

    def _conclude(self) -> None:
        """What ran without having been read, and what stays unexplained."""
        ran, unexplained, candidates = self._matching.match(self._clock.monotonic())
        if ran is not None:
            self._counters.add("open_hints")
            self._events.ran_unread(ran, self._processes.entity_of_unread(ran.unread.pid))
            if ran.unread.process is not None:
                self._events.exited(ran.unread.process)
        self._counters.unexplained += len(unexplained)
        self._counters.add("candidates", candidates)

    # what it runs

    def _look(self, process: Tracked, step: int) -> None:
        """Read the process; tell of a program that is new, and come back until it has settled."""
        if (waiting := self._waiting.pop(process.entity, None)) is not None:
            waiting.timer.cancel()
        before = Program.of(process) if process.announced else None
        try:
            whole = self._processes.read(process)
        except ProcessGone:
            return self._come_back(process, step)  # in between, or its end is told by `_exited`
        is_program = process.executed or self._events.from_before
        if whole and is_program and Program.of(process).differs(before):
            self._tell(process)
            step = 0  # the next program of a chain may follow this one as soon
        if not (self._events.from_before and process.announced):
            self._come_back(process, step)
        return None

    def _come_back(self, process: Tracked, step: int) -> None:
        """Look again after the next delay; a process that has shown nothing new by the last one is taken as it is."""
        if step == len(REREAD_S):
            self._processes.settle(process)
        delays = REREAD_S if process.announced else REREAD_S + FORKED_S
        if step < len(delays):
            loop = asyncio.get_running_loop()
            timer = loop.call_later(delays[step], self._look, process, step + 1)
            self._waiting[process.entity] = _Waiting(process, step, timer)
        elif not process.announced and process.executed:
            self._tell(process)  # a program without arguments, or one that passes for the runtime's init

    def _look_again(self, process: Tracked) -> None:
        """A settled process: whether it runs another program, or as another user, than when it was read last."""
        try:
            if process.entity not in self._waiting and self._processes.runs_another(process):
                self._look(process, 0)
            elif self._processes.changed_user(process):
                self._events.identity(process)
        except (ProcessGone, AccessDenied):
            return  # its end is told by `_exited`

    def _look_for_later_execs(self, containers: set[str]) -> None:
        """Something that is not new opened a program: perhaps to become it."""
        for container_id in containers:
            for process in self._rotation.hurry(container_id):
                self._look_again(process)

    def _tell(self, process: Tracked) -> None:
        self._processes.settle(process)
        by_open = process.exe is None and self._name_by_open(process)
        if not by_open:
            self._matching.explained(self._clock.monotonic(), process)
        if self._hints is not None and process.container is not None and process.exe is not None:
            self._hints.ran(process.container, process.exe)
        self._events.executed(process, by_open=by_open)

    def _name_by_open(self, process: Tracked) -> bool:
        """The executable of a process of which only the kernel's name is left, if its open was seen."""
        self._read_opens()  # its open may have come at the same moment
        process.exe = self._matching.claim(process.container, process.comm)
        if process.exe is not None:
            process.missing = tuple(missing for missing in process.missing if missing.field != "process.exe")
        return process.exe is not None

    def _exited(self, process: Tracked) -> None:
        """Each end of what was told of is told; one that was never read may yet be explained by what was opened."""
        if (waiting := self._waiting.pop(process.entity, None)) is not None:
            waiting.timer.cancel()
        if process.own:
            return
        if process.announced:
            self._events.exited(process)
            return
        if self._processes.had_executed(process):
            self._tell(process)
            self._events.exited(process)
        elif process.executed or not process.settled:
            self._unread(process.pid, process)


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
