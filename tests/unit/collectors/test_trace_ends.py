"""The end of a traced process that is seen by other means as well: told once, behind the last program."""

import subprocess
from collections.abc import Iterator

import pytest
from fakes import FakeClock

from collectors.exit_watch import End
from collectors.process_table import Tracked
from collectors.process_trace import UNTOLD_S, ProcessTrace
from collectors.procfs import Procfs
from collectors.task_view import Task
from collectors.trace_link import TracerLink
from collectors.trace_telling import TraceTelling
from collectors.tracer import wire
from sensor.model.counters import Counters
from sensor.model.events import Timestamp

KILLED, EXITED = 9, 3 << 8


class Scene(TracerLink):
    """A process that was attached to, which lives on meanwhile, and what is told of it in which order."""

    def __init__(self, pid: int) -> None:
        self.clock = FakeClock()
        self.told: list[str | int | None] = []
        self.task = Task(
            instance="t", launcher=None, counters=Counters(), clock=self.clock, procfs=Procfs(), own_pid=-1
        )
        self.task.follower = self
        self.trace = ProcessTrace(processes=self.task, counters=Counters(), clock=self.clock)
        self.telling = self.trace._telling = TraceTelling(self.task, Counters(), self.clock)
        self.trace._link = self
        self.task.tracing = self.trace
        self.task.on_exit(self.telling.ended)
        self.task.on_exit(lambda process: self.told.append(process.exit_code))
        found = self.task.track(pid)
        assert found is not None
        self.process = found
        self.records = [wire.Record(wire.ATTACHED, pid, 1, b"")]

    def is_up_to_date(self) -> bool:
        return True

    def catch_up(self) -> None: ...

    def ran(self, process: Tracked, _at: Timestamp) -> None:
        self.told.append(process.exe)

    def read(self) -> list[wire.Record]:
        found, self.records = self.records, []
        return found

    def ends(self, status: int | None) -> None:
        """By its pidfd."""
        self.task._ended(End(self.process.pid, self.process.start_ticks, status))

    def tells(self) -> None:
        """The tracer tells a program, and the end."""
        pid = self.process.pid
        stat = self.task.procfs.record(f"{pid}/stat", 4096)
        fields = wire.ExecFields(stat, b"x\0", b"/bin/last", b"/", b"0 0", b"=", wire.GONE, wire.IMAGE.pack(1, 2), b"")
        self.records += [
            wire.Record(wire.EXEC, pid, 2, wire.pack_fields(fields)),
            wire.Record(wire.EXIT, pid, 3, wire.STATUS.pack(EXITED)),
        ]


@pytest.fixture
def scene() -> Iterator[Scene]:
    with subprocess.Popen(["/bin/sleep", "60"]) as app:
        yield Scene(app.pid)
        app.kill()


def test_an_end_that_is_seen_before_the_tracer_tells_of_the_last_program_waits_for_it(scene: Scene) -> None:
    scene.ends(None)
    assert scene.told == []
    scene.tells()
    scene.trace.drain()
    scene.telling.conclude()
    assert scene.told == ["/bin/last", 3]


def test_an_end_that_the_tracer_has_told_by_then_is_told_once(scene: Scene) -> None:
    scene.tells()
    scene.ends(None)
    scene.telling.conclude()
    assert scene.told == ["/bin/last", 3]


def test_an_end_that_the_tracer_does_not_tell_is_told_without_it(scene: Scene) -> None:
    scene.ends(KILLED)
    scene.telling.conclude(UNTOLD_S)
    scene.clock.advance(UNTOLD_S)
    assert scene.told == []
    scene.telling.conclude(UNTOLD_S)
    assert scene.told == [-9]


def test_a_program_that_is_told_later_still_is_no_second_process(scene: Scene) -> None:
    scene.ends(KILLED)
    scene.telling.conclude()
    scene.tells()
    scene.trace.drain()
    assert scene.told == [-9, "/bin/last"]
    assert scene.task.living_process(scene.process.pid) is None


def test_when_the_tracer_is_lost_the_ends_that_it_owes_are_told(scene: Scene) -> None:
    scene.ends(KILLED)
    scene.telling.let_go()
    assert scene.told == [-9]


def test_an_end_that_no_tracer_owes_is_told_at_once(scene: Scene) -> None:
    scene.records = []
    scene.ends(KILLED)
    assert scene.told == [-9]
