"""A running PID cursor on the real /proc, for tests whose children it tells of."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fakes import Emitted
from running import collecting, until

from collectors.process_cursor import ProcessCursor
from collectors.procfs import Procfs
from collectors.task_view import Task
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.events import Event, Process
from sensor.model.kinds import Kind
from sensor.model.protocols import HOST

ROUND_S = 60.0
"""Enough for two rounds of the slow round through all processes of this machine."""


class Watched:
    """A running cursor that takes this test's children for an app's."""

    def __init__(self, task: Task, cursor: ProcessCursor, emitted: Emitted, counters: Counters) -> None:
        self.task = task
        self.cursor = cursor
        self.emitted = emitted
        self.counters = counters

    def execs(self, *args: str) -> list[Event]:
        """What was told of a program with these arguments."""
        return [e for e in self.emitted.of(Kind.PROCESS_EXEC) if process_of(e).args == args]

    def exits(self, *args: str) -> list[Event]:
        return [e for e in self.emitted.of(Kind.PROCESS_EXIT) if process_of(e).args == args]

    def has_ended(self, started: Event) -> bool:
        """Whether the end of the process was told."""
        entity = process_of(started).entity
        return any(process_of(e).entity == entity for e in self.emitted.of(Kind.PROCESS_EXIT))

    def is_at_rest(self) -> bool:
        """Whether nothing waits to be looked at but forks that have settled and may yet run a program."""
        waiting = [one.process for one in self.cursor._settling._waiting.values()]
        return all(process.settled and not process.announced for process in waiting)


def made(counters: Counters) -> tuple[Task, ProcessCursor]:
    """A cursor that takes the children of this test for an app's, not for the sensor's own."""
    clock = SystemClock()
    task = Task(instance="test", launcher=None, counters=counters, clock=clock, procfs=Procfs(), own_pid=-1)
    task.own_container, task.left_out = HOST, None  # nor this container for the sensor's, if the tests run in one
    return task, ProcessCursor(processes=task, counters=counters, clock=clock)


@asynccontextmanager
async def watching() -> AsyncIterator[Watched]:
    """One that has told what runs already."""
    counters = Counters()
    task, cursor = made(counters)
    task.start()
    async with collecting(cursor, task) as emitted:
        await until(lambda: emitted.events, "the tree at the start")
        yield Watched(task, cursor, emitted, counters)
    task.close()


def process_of(event: Event) -> Process:
    """Its process, which every event of the cursor's has but those of containers."""
    assert event.process is not None
    return event.process
