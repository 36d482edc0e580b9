"""What goes on while a thread is being seized for long."""

import os
import threading
import time
from collections.abc import Iterator

import pytest

from collectors.procfs import Procfs
from collectors.tracer import ptrace, reaping
from collectors.tracer.exec_facts import ExecReader
from collectors.tracer.outlet import Outlet
from collectors.tracer.reaping import STUCK_LOOKS, Reaper
from collectors.tracer.tracees import Tracees

PID, THREAD, OTHER = 42, 43, 77
KILLED = 9


@pytest.fixture
def tracees(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracees]:
    monkeypatch.setattr(reaping, "LOOK_S", 0.001)
    monkeypatch.setattr(ptrace, "is_tracee", lambda tid: tid != THREAD)
    reading, writing = os.pipe()
    found = Tracees(Outlet(writing), ExecReader(Procfs()))
    for tid, pid in ((PID, PID), (THREAD, PID), (OTHER, OTHER)):
        found.add(tid, pid)
    yield found
    os.close(reading)
    os.close(writing)


def until_stuck(stuck: list[int], *, at_most_s: float) -> None:
    end = time.monotonic() + at_most_s
    while not stuck and time.monotonic() < end:
        time.sleep(0.001)


def test_what_has_ended_is_waited_for_and_taken_in_afterwards(
    tracees: Tracees, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    ends = [(THREAD, KILLED)]
    monkeypatch.setattr(
        ptrace, "ended", lambda tid: asked.append(tid) or (ends.pop() if ends and tid == THREAD else None)
    )
    with Reaper(tracees, print).seizing(PID):
        while ends:
            time.sleep(0.001)
        assert THREAD in tracees, "another thread is at work on them"
    assert sorted(tracees.next_in_turn(9)) == [PID, OTHER]
    assert set(asked) == {PID, THREAD}


def test_a_thread_that_has_the_number_of_its_process_by_now_is_forgotten(tracees: Tracees) -> None:
    with Reaper(tracees, print).seizing(PID):
        pass
    assert sorted(tracees.next_in_turn(9)) == [PID, OTHER]


def test_where_nothing_comes_of_it_that_is_told_once(tracees: Tracees, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck: list[int] = []
    monkeypatch.setattr(ptrace, "ended", lambda _: None)
    with Reaper(tracees, stuck.append).seizing(PID):
        until_stuck(stuck, at_most_s=10)
        time.sleep(0.05)
    assert stuck == [PID]


def test_as_long_as_something_ends_it_is_not_stuck(tracees: Tracees, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck: list[int] = []
    monkeypatch.setattr(ptrace, "ended", lambda tid: (THREAD, KILLED) if tid == THREAD else None)
    monkeypatch.setattr(tracees, "handle", lambda *_: None)
    with Reaper(tracees, stuck.append).seizing(PID):
        until_stuck(stuck, at_most_s=0.1)
    assert not stuck


def test_many_processes_that_take_long_together_are_none_that_does(
    tracees: Tracees, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck: list[int] = []
    monkeypatch.setattr(ptrace, "ended", lambda _: None)
    reaper = Reaper(tracees, stuck.append)
    for pid in (PID, OTHER):
        for _ in range(STUCK_LOOKS):  # the first of which is the first of this process
            reaper._look(pid)
    assert not stuck
    for _ in range(3):
        reaper._look(OTHER)
    assert stuck == [OTHER]


def test_the_thread_that_looks_is_there_while_it_is_needed(tracees: Tracees) -> None:
    before = threading.active_count()
    reaper = Reaper(tracees, print)
    for _ in range(2):
        for pid in (PID, OTHER):
            with reaper.seizing(pid):
                assert threading.active_count() == before + 1
        reaper.rest()
        reaper.rest()
        assert threading.active_count() == before


def test_where_no_thread_can_be_had_seizing_goes_on_without(tracees: Tracees, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    reaper = Reaper(tracees, print)
    with reaper.seizing(PID):
        pass
    reaper.rest()
    assert sorted(tracees.next_in_turn(9)) == [PID, OTHER]
