"""Sees new processes by the last PID that the kernel handed out, and reads each until it has settled.

The fifth field of /proc/loadavg is one read, whatever the number of processes; only the numbers between two reads
need a look, so cost follows what is new. A number that is gone when looked at is `unexplained`: a process, a thread,
or a fork that failed at a pids limit.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from collectors.process_table import Tracked
from collectors.procfs import Procfs
from collectors.task_view import Task
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.events import Container, Event, Evidence, Missing
from sensor.model.kinds import Kind
from sensor.model.protocols import HOST, Capability, Emit, Status, TaskView

TICK_S = 0.02
REREAD_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.05)
"""After these times a new process is read again: at fork it shows its parent's program, at exec none, and one program
may run another in its place."""
FORKED_S = (0.25, 0.5, 1.0, 2.0, 5.0)
"""Later reads of a process that has still not run a program of its own."""
RESERVED_PIDS = 300
"""Where the kernel begins again after pid_max (kernel/pid.c)."""
MOST_NUMBERS = 65_536
"""A longer way of the cursor in one tick is no way but a jump: then the processes are listed instead."""


class ProcessCursor:
    """`process.exec` and `process.exit`, `container.start` and `container.stop`."""

    name = "process_cursor"

    def __init__(self, *, processes: Task, counters: Counters, clock: Clock) -> None:
        self._processes = processes
        self._procfs = processes.procfs
        self._counters = counters
        self._clock = clock
        self._emit: Emit = _nobody
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._from_before = False

    def probe(self) -> Capability:
        """Whether the cursor can be read and siblings can be seen."""
        return probe(self._procfs)

    async def run(self, task: TaskView, emit: Emit) -> None:
        """Announce what runs already, then what comes and goes, until cancelled."""
        self._emit = emit
        last = self._procfs.last_pid()
        pid_max = int(self._procfs.read("sys/kernel/pid_max", 32))
        self._processes.on_exit(self._exited)
        try:
            self._tell_what_runs(task)
            while True:
                last = self._follow(last, pid_max)
                await asyncio.sleep(TICK_S)
        except asyncio.CancelledError:
            self._follow(last, pid_max)  # what came since the last tick is still told
            raise
        finally:
            self._processes.off_exit(self._exited)
            task.unlisten(self)
            for timer in self._timers.values():
                timer.cancel()
            self._timers.clear()

    def container_started(self, container_id: str) -> None:
        """A container's first process is there."""
        self._tell_container(Kind.CONTAINER_START, container_id)

    def container_stopped(self, container_id: str) -> None:
        """A container's last process has ended."""
        self._tell_container(Kind.CONTAINER_STOP, container_id)

    def _tell_what_runs(self, task: TaskView) -> None:
        """The whole tree, oldest first, so that parents are known before their children."""
        self._from_before = True
        try:
            task.listen(self)
            found = [p for pid in self._procfs.pids() if (p := self._tracked(pid, 0)) is not None]
            for process in sorted(found, key=lambda p: p.start_ticks):
                self._look(process, 0)
        finally:
            self._from_before = False

    def _follow(self, last: int, pid_max: int) -> int:
        """Look at every number handed out since `last`."""
        now = self._procfs.last_pid()
        if now == last:
            return last
        numbers = handed_out(last, now, pid_max)
        if len(numbers) > MOST_NUMBERS:
            self._counters.add("cursor.jumps")
            numbers = self._procfs.pids()
        self._counters.add("cursor.numbers", len(numbers))
        for pid in numbers:
            process = self._tracked(pid, 1)
            if process is not None and not process.announced:
                self._look(process, 0)
        return now

    def _tracked(self, pid: int, unexplained: int) -> Tracked | None:
        try:
            process = self._processes.track(pid)
        except ProcessGone:
            self._counters.unexplained += unexplained
            return None
        if process is not None and process.own:
            if not process.announced:
                process.announced = process.settled = True
                self._counters.add("own_processes")
            return None
        return process

    def _look(self, process: Tracked, step: int) -> None:
        """Read the process; tell of a program that is new, and come back until it has settled."""
        self._timers.pop(process.entity, None)
        before = Program.of(process) if process.announced else None
        try:
            whole = self._processes.read(process)
        except ProcessGone:
            return  # its end is told by `_exited`
        if whole and (process.executed or self._from_before) and Program.of(process).differs(before):
            self._processes.settle(process)
            self._tell_exec(process)
            step = 0  # the next program of a chain may follow this one as soon
        if not (self._from_before and process.announced):
            self._come_back(process, step)

    def _come_back(self, process: Tracked, step: int) -> None:
        """Look again after the next delay; a process that has shown nothing new by the last one is taken as it is."""
        if step == len(REREAD_S):
            self._processes.settle(process)
        delays = REREAD_S if process.announced else REREAD_S + FORKED_S
        if step < len(delays):
            loop = asyncio.get_running_loop()
            self._timers[process.entity] = loop.call_later(delays[step], self._look, process, step + 1)
        elif not process.announced and process.executed:
            self._tell_exec(process)  # a program without arguments, or one that passes for the runtime's init

    def _tell_exec(self, process: Tracked) -> None:
        process.announced = True
        self._tell(Kind.PROCESS_EXEC, process, self._evidence(process))

    def _exited(self, process: Tracked) -> None:
        """Each end of what was told of is told; one that was never understood counts as unexplained."""
        if (timer := self._timers.pop(process.entity, None)) is not None:
            timer.cancel()
        if process.own:
            return
        if process.announced:
            missing = () if process.exit_code is not None else (Missing("process.exit_code", "unsupported"),)
            self._tell(Kind.PROCESS_EXIT, process, Evidence("pidfd", missing))
        elif process.executed or not process.settled:
            self._counters.unexplained += 1

    def _evidence(self, process: Tracked) -> Evidence:
        cut = ("process.args",) if process.args_cut else ()
        return Evidence("snapshot" if self._from_before else "cursor", process.missing, cut)

    def _tell(self, kind: Kind, process: Tracked, evidence: Evidence) -> None:
        container = Container(process.container) if process.container else None
        self._emit(Event(kind, self._clock.wall(), evidence, container=container, process=process.snapshot()))

    def _tell_container(self, kind: Kind, container_id: str) -> None:
        if container_id == HOST:
            return
        evidence = Evidence("snapshot" if self._from_before else "cursor")
        self._emit(Event(kind, self._clock.wall(), evidence, container=Container(container_id)))


class Program(NamedTuple):
    """What tells one program in a process from the next one there."""

    image: tuple[int, int, int] | None
    exe: str | None
    args: tuple[str, ...] | None

    @classmethod
    def of(cls, process: Tracked) -> "Program":
        """The program as it was read last."""
        return cls(process.image, process.exe, process.args)

    def differs(self, before: "Program | None") -> bool:
        """Whether an exec lies between: by where the image lies, which is random, else by the executable.

        Arguments alone prove nothing: programs rewrite their own (setproctitle).
        """
        if before is None:
            return True
        if _visible(self.image) and _visible(before.image):
            return self.image != before.image
        return self.exe is not None and before.exe is not None and self.exe != before.exe


def handed_out(last: int, now: int, pid_max: int) -> Sequence[int]:
    """The numbers after `last` up to `now`; past pid_max the kernel begins again at `RESERVED_PIDS`."""
    if now >= last:
        return range(last + 1, now + 1)
    if pid_max - last > MOST_NUMBERS:
        return range(MOST_NUMBERS + 1)  # set back by hand (ns_last_pid): a jump
    return [*range(last + 1, pid_max), *range(RESERVED_PIDS, now + 1)]


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


def _visible(image: tuple[int, int, int] | None) -> bool:
    return image is not None and image[1] > 1


def _nobody(event: Event) -> bool:
    """Where events go before `run`."""
    raise RuntimeError(f"{event.kind} before run()")
