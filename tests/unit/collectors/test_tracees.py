"""The tracees by what the kernel says of them, in every order in which a child and its parent may be seen."""

import os
from itertools import permutations

import pytest

from collectors.tracer import ptrace, wire
from collectors.tracer.exec_facts import Seen
from collectors.tracer.outlet import Outlet
from collectors.tracer.tracees import LOOKED_AT, ORPHANED_S, Tracees
from sensor.model.errors import ProcessGone

PARENT, CHILD, THREAD, GRANDCHILD = 100, 101, 102, 103
FIELDS = wire.ExecFields(b"101 (true) R", b"true\0", b"/bin/true", b"/", b"0 0", b"", b"", b"", b"")
FIRST_STOP = ptrace.EVENT_STOP << 16 | 5 << 8 | 0x7F
FORK = ptrace.EVENT_VFORK << 16 | 5 << 8 | 0x7F
EXEC = ptrace.EVENT_EXEC << 16 | 5 << 8 | 0x7F
EXIT = 0


class FakeReader:
    """The one child there is."""

    def stat(self, pid: int) -> bytes:
        return b"%d (sh) S" % pid

    def status(self, tid: int) -> bytes:
        if tid == THREAD:
            raise ProcessGone("gone")
        return b"Name:\tx\nTgid:\t%d\nPPid:\t%d\n" % (tid, CHILD if tid == GRANDCHILD else PARENT)

    def look(self, pid: int) -> Seen:
        return Seen(0, 0, None, b"", b"", b"")

    def fields(self, pid: int, seen: Seen) -> wire.ExecFields:
        return FIELDS


@pytest.fixture
def went_on(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Who was let go on, with which signal."""
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(ptrace, "resume", lambda tid, number=0: found.append((tid, number)))
    monkeypatch.setattr(ptrace, "listen", lambda tid: found.append((tid, -1)))
    monkeypatch.setattr(ptrace, "event_message", lambda tid: CHILD if tid == PARENT else tid)
    monkeypatch.setattr(ptrace, "is_process", lambda tid: tid != THREAD)
    return found


@pytest.fixture
def told() -> "Told":
    return Told()


class Told:
    """Tracees with the parent among them, and what they tell."""

    def __init__(self) -> None:
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        self._writing = writing
        self.now = 0.0
        self.tracees = Tracees(Outlet(writing), FakeReader(), lambda: self.now)  # type: ignore[arg-type] # a stand-in
        self.tracees.add(PARENT, PARENT)

    def records(self) -> list[tuple[int, int]]:
        found, rest = wire.records(os.read(self._reading, 1 << 16))
        assert not rest
        os.close(self._reading)
        os.close(self._writing)
        return [(record.kind, record.pid) for record in found]


OWN = [(CHILD, FIRST_STOP), (CHILD, EXEC), (CHILD, EXIT)]


@pytest.mark.parametrize("place", range(4))
def test_a_birth_is_told_once_wherever_its_parents_stop_is_seen(
    told: Told, went_on: list[tuple[int, int]], place: int
) -> None:
    for tid, status in [*OWN[:place], (PARENT, FORK), *OWN[place:]]:
        told.tracees.handle(tid, status)
    assert told.records() == [(wire.BORN, CHILD), (wire.EXEC, CHILD), (wire.EXIT, CHILD)]
    assert len(told.tracees) == 1
    assert sorted(went_on) == [(PARENT, 0), (CHILD, 0), (CHILD, 0)]


def test_what_is_killed_before_it_runs_anything_leaves_nothing(told: Told, went_on: list[tuple[int, int]]) -> None:
    for order in permutations([(CHILD, FIRST_STOP), (PARENT, FORK), (CHILD, EXIT)]):
        if order.index((CHILD, FIRST_STOP)) < order.index((CHILD, EXIT)):
            for tid, status in order:
                told.tracees.handle(tid, status)
            assert len(told.tracees) == 1
    assert went_on
    assert told.records() == 3 * [(wire.BORN, CHILD), (wire.EXIT, CHILD)]


def test_a_child_that_was_killed_before_its_first_stop_is_not_followed_for_ever(
    told: Told, went_on: list[tuple[int, int]]
) -> None:
    told.tracees.handle(CHILD, 9)
    told.tracees.handle(PARENT, FORK)
    assert len(told.tracees) == 1
    for tid, status in [*OWN[:1], (PARENT, FORK), *OWN[1:]]:  # another with its number
        told.tracees.handle(tid, status)
    first = [(wire.BORN, CHILD), (wire.EXIT, CHILD)]
    assert told.records() == [*first, (wire.BORN, CHILD), (wire.EXEC, CHILD), (wire.EXIT, CHILD)]
    assert went_on


def test_one_whose_parent_was_killed_is_told_at_the_next_pulse(told: Told, went_on: list[tuple[int, int]]) -> None:
    told.tracees.handle(CHILD, FIRST_STOP)
    told.tracees.handle(PARENT, 9)
    told.tracees.tell_early()
    told.tracees.handle(CHILD, EXIT)
    assert told.records() == [(wire.EXIT, PARENT), (wire.BORN, CHILD), (wire.EXIT, CHILD)]
    assert went_on == [(CHILD, 0)]


def test_where_nobody_has_told_of_its_parent_either_that_is_told_first(
    told: Told, went_on: list[tuple[int, int]]
) -> None:
    for tid, status in ((CHILD, FIRST_STOP), (GRANDCHILD, FIRST_STOP), (GRANDCHILD, EXEC), (PARENT, FORK)):
        told.tracees.handle(tid, status)
    born = [(wire.BORN, CHILD), (wire.KNOWN, CHILD), (wire.BORN, GRANDCHILD)]
    assert told.records() == [*born, (wire.EXEC, GRANDCHILD)]
    assert went_on


@pytest.mark.parametrize("seen", [[(CHILD, FIRST_STOP), (CHILD, EXIT)], [(CHILD, EXIT)]])
def test_of_one_whose_parent_was_killed_no_birth_is_awaited_for_ever(
    told: Told, went_on: list[tuple[int, int]], seen: list[tuple[int, int]]
) -> None:
    for tid, status in (*seen, (PARENT, 9)):
        told.tracees.handle(tid, status)
        told.tracees.tell_early()
    told.now = ORPHANED_S / 2
    told.tracees.tell_early()
    assert told.tracees._ended_early, "its parent's stop may still be seen"
    told.now = ORPHANED_S * 2
    told.tracees.tell_early()
    told.tracees.add(PARENT, PARENT)
    told.tracees.handle(PARENT, FORK)  # another has the number now
    new = [(wire.BORN, CHILD)]
    assert told.records() == [(wire.BORN, CHILD), (wire.EXIT, CHILD), (wire.EXIT, PARENT), *new]
    assert went_on


@pytest.mark.parametrize("thread", [THREAD, CHILD])
def test_a_thread_that_executes_before_its_birth_is_told_of_leaves_nothing_under_its_number(
    told: Told, went_on: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch, thread: int
) -> None:
    """The thread that made it is killed before its stop is seen. What has the number next may be nobody's tracee."""
    monkeypatch.setattr(ptrace, "event_message", lambda _: thread)
    told.tracees.handle(thread, FIRST_STOP)
    told.tracees.tell_early()  # of `THREAD` nothing can be read any more
    told.tracees.handle(PARENT, EXEC)
    assert told.tracees.next_in_turn(9) == [PARENT]
    assert not told.tracees._awaited
    told.tracees.tell_early()
    assert told.records()[-1] == (wire.EXEC, PARENT)
    assert went_on


def test_a_birth_is_awaited_as_long_as_the_parent_is_followed(told: Told, went_on: list[tuple[int, int]]) -> None:
    told.tracees.handle(CHILD, FIRST_STOP)
    told.tracees.tell_early()
    told.tracees.handle(CHILD, EXIT)
    told.now = ORPHANED_S * 2
    told.tracees.tell_early()
    told.now = ORPHANED_S * 4
    told.tracees.tell_early()
    told.tracees.handle(PARENT, FORK)
    assert told.records() == [(wire.BORN, CHILD), (wire.EXIT, CHILD)]
    assert went_on


def test_all_that_are_known_have_their_turn_again_and_again(told: Told, went_on: list[tuple[int, int]]) -> None:
    told.tracees.handle(CHILD, FIRST_STOP)  # nobody has told of its birth
    for tid in range(PARENT + 10, PARENT + 13):
        told.tracees.add(tid, PARENT)
    known = [PARENT, CHILD, *range(PARENT + 10, PARENT + 13)]
    for _ in range(2):
        assert sorted(tid for _ in range(3) for tid in told.tracees.next_in_turn(2)) == known
    told.tracees.handle(PARENT, EXIT)
    assert PARENT not in told.tracees.next_in_turn(9)
    assert went_on


def test_a_thread_is_followed_and_its_end_is_not_that_of_its_process(
    told: Told, went_on: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ptrace, "event_message", lambda _: THREAD)
    told.tracees.handle(PARENT, FORK)
    told.tracees.handle(THREAD, FIRST_STOP)
    assert told.tracees.threads_of(PARENT) == [PARENT, THREAD]
    told.tracees.handle(THREAD, EXIT)
    assert told.tracees.threads_of(PARENT) == [PARENT]
    assert told.records() == [(wire.THREAD, THREAD)]
    assert went_on == [(PARENT, 0), (THREAD, 0)]


def test_a_thread_that_tells_of_itself_is_one_of_its_process(
    told: Told, went_on: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    status = b"Name:\tx\nTgid:\t%d\nPPid:\t1\n" % PARENT
    monkeypatch.setattr(told.tracees._reader, "status", lambda _: status)
    told.tracees.handle(THREAD, FIRST_STOP)
    told.tracees.tell_early()
    assert told.tracees.threads_of(PARENT) == [PARENT, THREAD]
    assert told.records() == [(wire.THREAD, THREAD)]
    assert went_on


def test_a_process_that_was_followed_by_another_thread_is_followed_itself_once_that_executes(
    told: Told, went_on: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its main thread had ended before it was attached to."""
    monkeypatch.setattr(ptrace, "event_message", lambda _: THREAD)
    told.tracees.forget(PARENT)
    told.tracees.add(THREAD, PARENT)
    told.tracees.handle(PARENT, EXEC)
    assert told.tracees.next_in_turn(9) == [PARENT]
    told.tracees.handle(PARENT, EXIT)
    assert told.records() == [(wire.EXEC, PARENT), (wire.EXIT, PARENT)]
    assert went_on


@pytest.mark.parametrize(
    ("before", "known"),
    [([(CHILD, FIRST_STOP)], [wire.KNOWN]), ([(CHILD, FIRST_STOP), (CHILD, EXEC)], [wire.EXEC])],
)
def test_a_parent_is_told_of_before_its_child_unless_its_program_was(
    told: Told,
    went_on: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
    before: list[tuple[int, int]],
    known: list[int],
) -> None:
    """Nobody has told of the parent's own birth when it gives birth: that is told first."""
    monkeypatch.setattr(ptrace, "event_message", lambda tid: {PARENT: CHILD, CHILD: GRANDCHILD}.get(tid))
    for tid, status in (*before, (CHILD, FORK), (PARENT, FORK)):
        told.tracees.handle(tid, status)
    assert told.records() == [(wire.BORN, CHILD), *((kind, CHILD) for kind in known), (wire.BORN, GRANDCHILD)]
    assert not told.tracees._awaited
    assert went_on


def test_of_a_birth_whose_parent_was_killed_meanwhile_nothing_is_told(
    told: Told, went_on: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ptrace, "event_message", lambda _: None)
    monkeypatch.setattr(told.tracees, "_born", lambda *_: pytest.fail("there is no number to tell"))
    told.tracees.handle(PARENT, FORK)
    assert went_on == [(PARENT, 0)]


def test_one_that_ended_untold_leaves_its_number_to_the_next(told: Told, went_on: list[tuple[int, int]]) -> None:
    told.tracees.handle(CHILD, 9)  # before its first stop, and so was its parent
    told.tracees.handle(CHILD, FIRST_STOP)
    told.tracees.handle(PARENT, FORK)
    assert CHILD in told.tracees, "its birth is told of by its parent's stop"
    told.tracees.handle(CHILD, EXIT)
    assert told.records() == 2 * [(wire.BORN, CHILD), (wire.EXIT, CHILD)]
    assert not told.tracees._untold
    assert went_on


def test_processes_that_the_kernel_has_let_go_of_are_told_of_once_each_in_its_turn(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    strays = {PARENT, PARENT + LOOKED_AT}
    monkeypatch.setattr(ptrace, "is_tracee", lambda pid: asked.append(pid) or pid not in strays)
    for pid in range(PARENT, PARENT + 2 * LOOKED_AT):
        told.tracees.add(pid, pid)
    told.tracees.add(PARENT + 1000, PARENT)  # a thread cannot be lost
    for _ in range(2):
        told.tracees.tell_strays()
        assert len(asked) == LOOKED_AT
        asked.clear()
    assert told.records() == [(wire.STRAYED, PARENT + LOOKED_AT), (wire.STRAYED, PARENT)]
    told.tracees.tell_strays()
    assert not strays & {*asked, *told.tracees.next_in_turn(1000)}


@pytest.mark.parametrize("number", [1, 10, 17, 19, 34, 64])
def test_a_signal_is_passed_on_with_its_number(told: Told, went_on: list[tuple[int, int]], number: int) -> None:
    told.tracees.handle(PARENT, number << 8 | 0x7F)
    assert went_on == [(PARENT, number)]


@pytest.mark.parametrize(("number", "how"), [(19, -1), (20, -1), (21, -1), (22, -1), (5, 0)])
def test_a_group_stop_stays_one_and_any_other_stop_ends(
    told: Told, went_on: list[tuple[int, int]], number: int, how: int
) -> None:
    told.tracees.handle(PARENT, ptrace.EVENT_STOP << 16 | number << 8 | 0x7F)
    assert went_on == [(PARENT, how)]
