"""`posture`: misconfigurations that only show while a container runs, one event a finding and container.

A container is looked at some seconds after it came, a minute later, when a program runs in it that was not there
before, and every ten minutes (`posture_schedule`). What was told is told again only where more of it is found. The
plain machine, what the platform has added by itself (pause, its agents) and the sensor's own container are left alone.
"""

import asyncio
from collections.abc import Callable, Sequence

from collectors.posture_checks import CHECKS, Check, Finding
from collectors.posture_facts import (
    MOST_PROGRAMS,
    Facts,
    application,
    is_exec_agent,
    is_pause,
    read_program,
    writable_root,
)
from collectors.posture_schedule import Schedule
from collectors.process_table import Tracked
from collectors.socket_table import Known
from collectors.task_view import Task
from sensor.model.clock import Clock
from sensor.model.events import Container, Event, Evidence, Posture
from sensor.model.kinds import Kind
from sensor.model.protocols import HOST, Capability, Emit, Status, TaskView

RESTS = 19
"""After each program, 0.7 ms with 40 variables, a rest of so many times what it took: the looks take a twentieth of a
core at most, however many programs with however large environments there are."""
MOST_REST_S = 0.5
"""Of one rest: what took longer was held up by others."""
MOST_FOUND = 32
"""Names in one event, what is new before the rest, which is flagged as truncated and told at the next look."""
MOST_TOLD = 256
"""Different things that are told of one check in one container."""


class PostureWatch:
    """`listeners` gives the sockets that listen, where the network is watched. `task` knows all processes."""

    name = "posture"

    def __init__(
        self,
        *,
        task: Task,
        clock: Clock,
        listeners: Callable[[], Sequence[Known]] = list,
    ) -> None:
        self._task = task
        self._clock = clock
        self._listeners = listeners
        self._schedule = Schedule()
        self._wake = asyncio.Event()
        self._told: dict[str, dict[str, set[str]]] = {}
        self._unread: dict[str, int] = {}
        self._cut: dict[str, int] = {}
        self._more: set[str] = set()

    def probe(self) -> Capability:
        """What it needs is there wherever processes are seen; what stays closed shows in `status`."""
        return Capability(Status.OK)

    def status(self) -> Capability:
        """While it runs: what was not looked at, so that it is not told."""
        closed, reasons = sum(self._unread.values()), []
        if closed:
            reasons.append(f"the environment of {closed} programs cannot be read: secrets in it are not told")
        if cut := sum(self._cut.values()):
            reasons.append(
                f"the environment of {cut} programs is longer than what is looked at: secrets in it may be missed"
            )
        if self._more:
            reasons.append(
                f"{len(self._more)} containers run more than the {MOST_PROGRAMS} programs that are looked at"
            )
        if not reasons:
            return Capability(Status.OK)
        mend = "give the sensor SYS_PTRACE, or run it as root" if closed else None
        return Capability(Status.DEGRADED, "; ".join(reasons), mend)

    async def run(self, task: TaskView, emit: Emit) -> None:
        """Look when something is due until cancelled; `task` is the one that it was made with."""
        self._schedule = Schedule()
        task.listen(self)
        self._task.on_program = self._ran
        try:
            while True:
                await self._due()
                if (container_id := self._schedule.take(self._clock.monotonic())) is not None:
                    await self._look(container_id, emit)
        finally:
            self._task.on_program = None
            task.unlisten(self)

    def container_started(self, container_id: str) -> None:
        """Look at it soon."""
        if container_id not in (HOST, self._task.own_container):
            self._schedule.came(container_id, self._clock.monotonic())
            self._wake.set()

    def container_stopped(self, container_id: str) -> None:
        """Should it come again everything is told anew."""
        self._schedule.went(container_id)
        self._told.pop(container_id, None)
        self._unread.pop(container_id, None)
        self._cut.pop(container_id, None)
        self._more.discard(container_id)

    def _ran(self, process: Tracked) -> None:
        if process.container is None or process.own or process.session is not None:
            return
        name = process.exe or process.comm
        if self._schedule.ran(process.container, name, self._clock.monotonic()):
            self._wake.set()

    async def _due(self) -> None:
        """Return when something is due, or may be since the schedule has changed."""
        self._wake.clear()
        due = self._schedule.next_due()
        try:
            async with asyncio.timeout(None if due is None else max(0.0, due - self._clock.monotonic())):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _look(self, container_id: str, emit: Emit) -> None:
        members = [process for process in reversed(self._task.living()) if process.container == container_id]
        if container_id in self._task.declared.managed or any(map(is_pause, members)):
            self._schedule.went(container_id)
            return
        facts = await self._facts(container_id, members)
        if not self._schedule.knows(container_id):
            return  # it has ended meanwhile
        self._unread[container_id] = sum(program.unread is not None for program in facts.programs)
        looked_at = [program.secrets for program in facts.programs if program.secrets is not None]
        self._cut[container_id] = sum(secrets.cut and not secrets.names for secrets in looked_at)
        (self._more.add if facts.more else self._more.discard)(container_id)
        for check in CHECKS if facts.programs else ():
            if (finding := check.find(facts)) is not None and self._is_news(container_id, check, finding):
                self._tell(container_id, check, finding, emit)

    async def _facts(self, container_id: str, members: Sequence[Tracked]) -> Facts:
        processes, more = application(members)
        facts = Facts(
            exec_agent=next(filter(is_exec_agent, members), None),
            writable_root=writable_root(self._task.procfs, processes),
            listeners=[one for one in self._listeners() if one.owner and one.owner.container == container_id],
            mapped_ports=self._task.declared.mapped_ports,
            more=more,
        )
        for process in processes:
            if process.ended is not None:
                continue  # meanwhile, and its number may be another's, in another container
            began = self._clock.monotonic()
            if (program := read_program(self._task.procfs, self._task.gated, process)) is not None:
                facts.programs.append(program)
            await asyncio.sleep(min(RESTS * (self._clock.monotonic() - began), MOST_REST_S))
        return facts

    def _is_news(self, container_id: str, check: Check, finding: Finding) -> bool:
        told = self._told.get(container_id, {}).get(check.id)
        if told is None:
            return True
        return not check.once and len(told) < MOST_TOLD and not told.issuperset(finding.found)

    def _tell(self, container_id: str, check: Check, finding: Finding, emit: Emit) -> None:
        """What the queue does not take is told at the next look."""
        found = finding.found
        if cut := len(found) > MOST_FOUND:
            told = self._told.get(container_id, {}).get(check.id, set())
            found = tuple(sorted(found, key=told.__contains__)[:MOST_FOUND])
        evidence = Evidence(finding.source, finding.missing, ("posture.found",) if cut or finding.cut else ())
        event = Event(
            Kind.POSTURE,
            self._clock.wall(),
            evidence,
            container=Container(container_id),
            process=finding.process,
            posture=Posture(check.id, check.title, check.severity, check.remedy, found),
        )
        if emit(event):
            self._told.setdefault(container_id, {}).setdefault(check.id, set()).update(found)
