"""Attaching to a process whose threads execute or end meanwhile."""

import os
from collections.abc import Callable, Iterator

import pytest

from collectors.procfs import Procfs
from collectors.tracer import ptrace
from collectors.tracer.attaching import attach
from collectors.tracer.exec_facts import ExecReader
from collectors.tracer.outlet import Outlet
from collectors.tracer.tracees import Tracees
from sensor.model.errors import ProcessGone

PID, TICKS = 42, 7


class Replaced(Procfs):
    """A process of which another thread executes as soon as the main one was seized: it has the number then, and nobody
    traces it. It may end right after that."""

    def __init__(self, *, ends: bool) -> None:
        super().__init__()
        self._ends = ends
        self.seized: list[int] = []

    def seize(self, tid: int) -> None:
        self.seized.append(tid)

    def names(self, name: str) -> list[str]:
        self._look(name)
        return [str(PID)]

    def record(self, name: str, limit: int) -> bytes:
        self._look(name)
        return b"42 (app) S" + 18 * b" 1" + b" %d" % TICKS + 30 * b" 1"

    def tracer(self, tid: int) -> int:
        self._look(str(tid))
        return os.getpid() if len(self.seized) > 1 else 0

    def _look(self, name: str) -> None:
        if self.seized and self._ends:
            raise ProcessGone(name)


@pytest.fixture
def tracees() -> Iterator[Tracees]:
    reading, writing = os.pipe()
    yield Tracees(Outlet(writing), ExecReader(Procfs()))
    os.close(reading)
    os.close(writing)


def test_what_executes_before_it_is_seized_is_seized_then(tracees: Tracees, monkeypatch: pytest.MonkeyPatch) -> None:
    procfs = Replaced(ends=False)
    monkeypatch.setattr(ptrace, "seize", procfs.seize)
    assert attach(tracees, procfs, PID, TICKS) is None
    assert procfs.seized == [PID, PID]
    assert PID in tracees


def test_of_what_executes_and_ends_before_it_is_seized_nothing_is_kept(
    tracees: Tracees, monkeypatch: pytest.MonkeyPatch
) -> None:
    procfs = Replaced(ends=True)
    monkeypatch.setattr(ptrace, "seize", procfs.seize)
    with pytest.raises(ProcessGone):
        attach(tracees, procfs, PID, TICKS)
    assert not len(tracees), "another may have its number, and its birth is told"


class Plain(Procfs):
    """A process with these threads, of which the main one is in this state when it is looked at again."""

    def __init__(self, *threads: int, then: str = "S", tracer: int = 0) -> None:
        super().__init__()
        self._threads = threads
        self._then = then
        self._tracer = tracer
        self._looks = 0

    def names(self, name: str) -> list[str]:
        return [str(tid) for tid in self._threads]

    def record(self, name: str, limit: int) -> bytes:
        self._looks += name == f"{PID}/stat"
        state = self._then if self._looks > 1 and name == f"{PID}/stat" else "S"
        return b"42 (app) %s" % state.encode() + 18 * b" 1" + b" %d" % TICKS + 30 * b" 1"

    def tracer(self, tid: int) -> int:
        return self._tracer


def refused(*tids: int) -> Callable[[int], None]:
    def seize(tid: int) -> None:
        if tid in tids:
            raise PermissionError(1, "Operation not permitted")

    return seize


def test_another_process_with_the_number_is_left_alone(tracees: Tracees, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ptrace, "seize", lambda _: pytest.fail("it is not the one that is meant"))
    with pytest.raises(ProcessGone):
        attach(tracees, Plain(PID), PID, TICKS + 1)


def test_a_thread_that_is_refused_keeps_no_other_from_being_followed(
    tracees: Tracees, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was born of one that is followed, or has just ended."""
    monkeypatch.setattr(ptrace, "seize", refused(PID + 1))
    assert attach(tracees, Plain(PID, PID + 1, PID + 2, tracer=os.getpid()), PID, TICKS) is None
    assert tracees.threads_of(PID) == [PID, PID + 2]


def test_a_main_thread_that_ends_right_then_is_no_reason_to_leave_the_others_alone(
    tracees: Tracees, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ptrace, "seize", refused(PID))
    assert attach(tracees, Plain(PID, PID + 1, then="Z"), PID, TICKS) is None
    assert tracees.threads_of(PID) == [PID + 1]


@pytest.mark.parametrize(
    ("tracer", "why"),
    [(0, "[Errno 1] Operation not permitted"), (7, "PID 7 traces it already"), (os.getpid(), None)],
    ids=["the kernel", "another tracer", "ourselves"],
)
def test_what_keeps_us_out_is_named(
    tracees: Tracees, monkeypatch: pytest.MonkeyPatch, tracer: int, why: str | None
) -> None:
    monkeypatch.setattr(ptrace, "seize", refused(PID))
    assert attach(tracees, Plain(PID, tracer=tracer), PID, TICKS) == why
