"""The tracing collector without a tracer: what it does with one that talks nonsense."""

import errno
import os
import subprocess
from collections.abc import Iterator

import pytest
from fakes import FakeClock

from collectors.process_table import Tracked
from collectors.process_trace import STUCK, STUCK_AGAIN_S, ProcessTrace
from collectors.procfs import Procfs
from collectors.task_view import Task
from collectors.trace_link import Pulse, TracerLink, TracerLost
from collectors.trace_telling import TraceTelling
from collectors.trace_watchdog import Watchdog
from collectors.tracer import wire
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied
from sensor.model.protocols import Emit, TaskView


class Told(TracerLink):
    """Has told these records, and is asked for nothing."""

    def __init__(self, *records: wire.Record) -> None:
        self.records = list(records)
        self.done: list[str] = []

    def read(self) -> list[wire.Record]:
        found, self.records = self.records, []
        return found

    def kill(self) -> None:
        self.done.append("kill")

    def close(self) -> None:
        self.done.append("close")


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


@pytest.fixture
def three(task: Task) -> Iterator[list[Tracked]]:
    """Processes that a tracer tells of, and none but it watches."""
    apps = [subprocess.Popen(["/bin/sleep", "60"]) for _ in range(3)]
    found = [process for app in apps if (process := task.traced(task.procfs.stat(app.pid), None)) is not None]
    yield found
    for app in apps:
        app.kill()
        app.wait()


def test_each_process_is_asked_for_once_but_for_ours_and_what_the_tracer_tells_of(
    task: Task, three: list[Tracked]
) -> None:
    trace, asked = ProcessTrace(processes=task, counters=Counters(), clock=FakeClock()), list[int]()
    trace._telling = TraceTelling(task, Counters(), FakeClock())
    link = trace._link = Told()
    link.attach = lambda pid, _: asked.append(pid)  # type: ignore[method-assign] # what is asked, not how
    found, ours, followed = three
    found.traced = ours.traced = False
    ours.own = True
    for process in (found, ours, followed, found):
        trace.found(process)
    assert asked == [found.pid]


def test_what_the_tracer_has_lost_is_watched_and_attached_to_anew(task: Task, three: list[Tracked]) -> None:
    trace, asked = ProcessTrace(processes=task, counters=Counters(), clock=FakeClock()), list[int]()
    trace._telling = TraceTelling(task, Counters(), FakeClock())
    stray, ended, _ = three
    link = trace._link = Told(
        *(wire.Record(kind, one.pid, 2, b"") for one in (stray, ended) for kind in (wire.ATTACHED, wire.STRAYED)),
        wire.Record(wire.STRAYED, 4_000_001, 2, b""),
    )
    link.attach = lambda pid, _: asked.append(pid)  # type: ignore[method-assign] # what is asked, not how
    trace._asked = {process.entity for process in three}
    trace.drain()
    assert [(p.traced, trace.follows(p)) for p in three] == [(False, False), (False, False), (True, True)]
    task.ended(ended, None)
    trace._attach_again()
    trace._attach_again()
    assert asked == [stray.pid]


def test_what_has_cost_a_tracer_is_left_alone_for_longer_each_time(task: Task, three: list[Tracked]) -> None:
    clock, asked = FakeClock(), list[int]()
    trace = ProcessTrace(processes=task, counters=Counters(), clock=clock)
    trace._telling = telling = TraceTelling(task, Counters(), FakeClock())
    link = trace._link = Told()
    link.attach = lambda pid, _: asked.append(pid)  # type: ignore[method-assign] # what is asked, not how
    stuck, other, _ = three
    stuck.traced = other.traced = False
    trace.found(other)
    for rest in (STUCK_AGAIN_S, 2 * STUCK_AGAIN_S, 4 * STUCK_AGAIN_S):
        trace._leave_alone(stuck.pid)
        trace._asked.clear()
        trace.found(stuck)
        clock.advance(rest - 1)
        trace._attach_again()
        trace._try_again()
        assert telling.refused == {stuck.pid: STUCK}
        clock.advance(1)
        trace._attach_again()
        assert not telling.refused
    assert asked == [other.pid, stuck.pid, stuck.pid, stuck.pid]
    task.ended(stuck, None)
    trace._leave_alone(other.pid)
    assert list(trace._stuck) == [other.entity], "of what has ended nothing is kept"


def no_descriptors(*_: object) -> bytes:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_all_are_let_go_and_live_on_while_no_descriptors_are_left(
    task: Task, three: list[Tracked], monkeypatch: pytest.MonkeyPatch
) -> None:
    telling = TraceTelling(task, Counters(), FakeClock())
    monkeypatch.setattr(task.procfs, "record", no_descriptors)
    telling.let_go()
    assert [(process.traced, process.ended) for process in three] == 3 * [(False, None)]


def test_what_was_dropped_while_no_descriptors_are_left_ends_nobody(
    task: Task, three: list[Tracked], monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = ProcessTrace(processes=task, counters=Counters(), clock=FakeClock())
    trace._telling = TraceTelling(task, Counters(), FakeClock())
    trace._telling._parents = {three[0].pid: 1}
    trace._watchdog = Watchdog(Told(), FakeClock())
    trace._watchdog.last = Pulse(1, dropped=1)
    monkeypatch.setattr(task.procfs, "record", no_descriptors)
    trace._count_dropped()
    assert [(process.traced, process.ended) for process in three] == 3 * [(True, None)]
    assert trace._telling._parents == {three[0].pid: 1}


def test_what_runs_another_program_or_has_ended_since_records_were_dropped_is_left_to_the_cursor(
    task: Task, three: list[Tracked]
) -> None:
    same, another, ended = three
    same.image, another.image = task.procfs.stat(same.pid).image, (11, 13, 17)
    ended.start_ticks -= 1  # its number is another's by now
    trace = ProcessTrace(processes=task, counters=Counters(), clock=FakeClock())
    trace._telling = TraceTelling(task, Counters(), FakeClock())
    trace._link, trace._watchdog = Told(), Watchdog(Told(), FakeClock())
    trace._count_dropped()
    assert [process.traced for process in three] == [True, True, True], "nothing was dropped"
    trace._watchdog.last = Pulse(1, dropped=1)
    trace._count_dropped()
    assert [(process.traced, process.ended is not None) for process in (same, another)] == [
        (True, False),
        (False, False),
    ]
    assert ended.ended is not None


def test_whatever_goes_wrong_at_its_end_a_tracer_is_killed_and_closed(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace, link = ProcessTrace(processes=task, counters=Counters(), clock=FakeClock()), Told()
    trace._telling = TraceTelling(task, Counters(), FakeClock())
    trace._link = link
    monkeypatch.setattr(trace._telling, "let_go", no_descriptors)
    with pytest.raises(OSError, match="open files"):
        trace._end(link)
    assert link.done == ["kill", "close"]


async def test_without_a_launcher_it_says_why(task: Task) -> None:
    trace = ProcessTrace(processes=task, counters=Counters(), clock=FakeClock())
    view: TaskView = task
    emit: Emit = lambda _: True  # noqa: E731 - nothing is emitted
    with pytest.raises(AccessDenied, match="no launcher"):
        await trace.run(view, emit)
    assert not task.tracing.active
