"""Attaching to a process whose threads execute or end meanwhile."""

import os
from collections.abc import Iterator

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
