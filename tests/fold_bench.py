"""A fold on a clock that stands still, for programs that come and go."""

from typing import NamedTuple

from sensor.enrich.fold import Fold
from sensor.model.counters import Counters
from sensor.model.events import Ancestor, Event, Evidence, Process
from sensor.model.kinds import Kind
from tests.fakes_timers import FakeTimers


class Told(NamedTuple):
    """An event as the tests compare it."""

    kind: str
    entity: str
    count: int


class Bench:
    """A fold on a clock that stands still, and what it released."""

    def __init__(self) -> None:
        self.timers, self.counters = FakeTimers(), Counters()
        self.released: list[Event] = []
        self.runs = 0
        self.fold = Fold(
            release=self.released.append, counters=self.counters, clock=self.timers.clock, later=self.timers.later
        )

    def event(self, kind: Kind, process: Process | None, source: str = "cursor") -> Event:
        return Event(kind, self.timers.clock.wall(), Evidence(source), process=process)

    def started(self, program: str = "sleep", *above: Process, source: str = "cursor") -> Process:
        """A new process runs the program; `above` are its ancestors, nearest first."""
        self.runs += 1
        chain = tuple(Ancestor(p.entity, p.pid, p.exe) for p in above)
        process = Process(f"{program}{self.runs}", self.runs, exe=f"/bin/{program}", args=(program,), ancestors=chain)
        self.fold.put(self.event(Kind.PROCESS_EXEC, process, source))
        return process

    def became(self, process: Process, program: str) -> Process:
        """A process runs another program in its place."""
        process = process._replace(exe=f"/bin/{program}", args=(program,))
        self.fold.put(self.event(Kind.PROCESS_EXEC, process))
        return process

    def ended(self, process: Process, code: int = 0) -> None:
        self.fold.put(self.event(Kind.PROCESS_EXIT, process._replace(exit_code=code), "pidfd"))

    def ran(self, times: int, program: str = "sleep", code: int = 0) -> None:
        for _ in range(times):
            self.ended(self.started(program), code)

    def told(self) -> list[Told]:
        """What was released since the last call."""
        found = [Told(str(e.kind)[8:], e.process.entity if e.process else "", e.count) for e in self.released]
        self.released.clear()
        return found
