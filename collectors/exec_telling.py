"""Holds an exec for the moments in which its executable is hashed, the first time that the file is seen; and that of a
program that came at run time a little longer, so that the file's own event goes first and can be linked to.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from collectors.executable_facts import Facts, complete, drift, lacking
from collectors.hash_worker import STOPPED
from collectors.process_table import Tracked
from collectors.program import Program
from collectors.task_view import Task
from sensor.model.events import Event, Missing
from sensor.model.protocols import Emit

HASH_S = 0.1
"""How long an exec is held for its hash; a later exec of the same file has it at once (see `executables`)."""
HASH_BEFORE_S = 2.0
"""The same for what ran before we watched: many files at once, and no hurry."""
FILE_S = 0.25
"""How long the event of the file may take: 0.1 s until its notice is read, and 0.1 s for its hash."""
LATE = Missing("process.sha256", "not yet")


class _Held(NamedTuple):
    """`waits`: for the hash, and then, if it came at run time, for its file to be told."""

    event: Event
    program: Program
    timer: asyncio.TimerHandle
    after: list[Event]
    waits: bool


class ExecTelling:
    """Emits each exec with what is known of its executable, and what follows in the same process after it."""

    def __init__(self, processes: Task, emit: Emit) -> None:
        self._processes = processes
        self._emit = emit
        self._held: dict[str, _Held] = {}

    def tell(self, process: Tracked, make: Callable[[], Event], *, from_before: bool) -> None:
        """Emit the exec now or within the bounds above; an exec that is still held for the process goes first. `make`
        gives the event, as the process is known then: with its hash, mostly."""
        self._release(process.entity)
        program = Program.of(process)

        def done(facts: Facts) -> None:
            self._hashed(process, program, facts, from_before=from_before)

        facts = self._processes.executables.wanted(process, done)
        if facts is None:
            self._hold(process, program, make(), HASH_BEFORE_S if from_before else HASH_S, waits=True)
            return
        if program.is_visible:
            complete(process, facts, self._processes.started(process.container))
            event = make()
        else:
            event = self._completed(make(), process, program, facts)
        if _came_later(event) and not from_before:
            self._hold(process, program, event, FILE_S, waits=False)
        else:
            self._emit(event)

    def follow(self, process: Tracked, event: Event) -> None:
        """Emit what happened in the process, after its exec."""
        if (held := self._held.get(process.entity)) is not None:
            held.after.append(event)
        else:
            self._emit(event)

    def close(self) -> None:
        """Tell all that is held."""
        for entity in list(self._held):
            self._release(entity)

    def _hold(self, process: Tracked, program: Program, event: Event, seconds: float, *, waits: bool) -> None:
        timer = asyncio.get_running_loop().call_later(seconds, self._release, process.entity)
        after = held.after if (held := self._held.get(process.entity)) is not None else []
        self._held[process.entity] = _Held(event, program, timer, after, waits)

    def _hashed(self, process: Tracked, program: Program, facts: Facts, *, from_before: bool) -> None:
        held = self._held.get(process.entity)
        if held is None or held.program != program or not held.waits:
            return  # too late, or of a program that was told before
        held.timer.cancel()
        event = self._completed(held.event, process, program, facts)
        if _came_later(event) and not from_before and facts.why_no_hash != STOPPED:
            self._hold(process, program, event, FILE_S, waits=False)
            return
        self._held[process.entity] = held._replace(event=event)
        self._let_go(process.entity)

    def _completed(self, event: Event, process: Tracked, program: Program, facts: Facts) -> Event:
        """The facts go into the event, and into the process for the events to come, unless it has begun another program
        that is not told yet: then what it has and lacks is that one's."""
        started = self._processes.started(process.container)
        now = Program.of(process)
        if now.is_visible and not now.differs(program):
            complete(process, facts, started)
        told = event.process and event.process._replace(sha256=facts.sha256, drift=drift(facts.born_ns, started))
        missing = lacking(event.evidence.missing, facts, started)
        return event._replace(process=told, evidence=event.evidence._replace(missing=missing))

    def _release(self, entity: str) -> None:
        """The time is up, or something else must be told first."""
        if (held := self._held.get(entity)) is None:
            return
        if held.waits:
            evidence = held.event.evidence
            event = held.event._replace(evidence=evidence._replace(missing=(*evidence.missing, LATE)))
            self._held[entity] = held._replace(event=event)
        self._let_go(entity)

    def _let_go(self, entity: str) -> None:
        held = self._held.pop(entity)
        held.timer.cancel()
        for event in (held.event, *held.after):
            self._emit(event)


def _came_later(event: Event) -> bool:
    """Whether its program came after its container, so that a file's event tells of it."""
    return event.process is not None and event.process.drift is True
