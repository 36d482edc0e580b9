"""The tracing collector without a tracer: what it does with one that talks nonsense."""

import os

import pytest
from fakes import FakeClock

from collectors.process_trace import ProcessTrace
from collectors.procfs import Procfs
from collectors.task_view import Task
from collectors.trace_link import TracerLink, TracerLost
from collectors.trace_telling import TraceTelling
from collectors.tracer import wire
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied
from sensor.model.protocols import Emit, TaskView


class Told(TracerLink):
    """Has told these records, and is asked for nothing."""

    def __init__(self, *records: wire.Record) -> None:
        self.records = list(records)

    def read(self) -> list[wire.Record]:
        found, self.records = self.records, []
        return found


class Cursor:
    """Follows, and is told of nothing here."""

    def is_up_to_date(self) -> bool:
        return True

    def catch_up(self) -> None: ...

    def ran(self, process: object, at: int) -> None: ...


@pytest.fixture
def task() -> Task:
    made = Task(instance="t", launcher=None, counters=Counters(), clock=FakeClock(), procfs=Procfs(), own_pid=-1)
    made.follower = Cursor()
    return made


@pytest.mark.parametrize(
    "record",
    [
        wire.Record(wire.EXEC, 1, 2, b"\xff\xff\xff\x7f"),
        wire.Record(wire.EXIT, 1, 2, b""),
        wire.Record(wire.BORN, 1, 2, b"123456"),
    ],
)
def test_nonsense_ends_the_tracer_and_not_who_asked(task: Task, record: wire.Record) -> None:
    trace = ProcessTrace(processes=task, counters=Counters(), clock=FakeClock())
    trace._telling = TraceTelling(task, Counters(), FakeClock())
    trace._link = Told(record)
    assert not trace.claims(77)
    assert isinstance(trace._fault, TracerLost)


def test_a_number_is_claimed_once(task: Task) -> None:
    trace = ProcessTrace(processes=task, counters=Counters(), clock=FakeClock())
    trace._telling = TraceTelling(task, Counters(), FakeClock())
    trace._link = Told(wire.Record(wire.THREAD, 4_000_001, 2, b""))
    assert trace.claims(4_000_001)
    assert not trace.claims(4_000_001)
    assert not trace.claims(4_000_002)


def test_what_has_ended_without_being_told_is_followed_no_more(task: Task) -> None:
    trace = ProcessTrace(processes=task, counters=Counters(), clock=FakeClock())
    telling = trace._telling = TraceTelling(task, Counters(), FakeClock())
    process = task.track(os.getpid())
    assert process is not None
    gone = 4_000_001
    trace._link = Told(
        wire.Record(wire.BORN, gone, 2, wire.PARENT.pack(1)),
        wire.Record(wire.ATTACHED, process.pid, 2, b""),
    )
    trace.drain()
    assert trace.follows(process)
    telling._parents |= {process.pid: 1}
    telling.forget_gone()
    assert telling._parents == {process.pid: 1}
    telling.ended(process)
    assert not trace.follows(process), "another may have the number"
    assert not telling._parents


async def test_without_a_launcher_it_says_why(task: Task) -> None:
    trace = ProcessTrace(processes=task, counters=Counters(), clock=FakeClock())
    view: TaskView = task
    emit: Emit = lambda _: True  # noqa: E731 - nothing is emitted
    with pytest.raises(AccessDenied, match="no launcher"):
        await trace.run(view, emit)
    assert not task.tracing.active
