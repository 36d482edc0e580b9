"""The tracer's loop: whom it serves when, with a kernel that tells of the newest tracee first."""

import os
import socket

import pytest

from collectors.tracer import ptrace, wire
from collectors.tracer.process import TURN, _Life

OLDER, NEWER = 100, 101
STOP = 28 << 8 | 0x7F


def test_a_tracee_that_stops_again_and_again_keeps_no_older_one_standing(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[int] = []
    monkeypatch.setattr(ptrace, "wait", lambda: None)
    monkeypatch.setattr(ptrace, "fetch", lambda _: (NEWER, STOP))
    monkeypatch.setattr(ptrace, "waiting", lambda tid: (tid, STOP))

    def resume(tid: int, _number: int) -> None:
        served.append(tid)
        if tid == OLDER or len(served) > 2 * TURN:
            raise ConnectionResetError

    monkeypatch.setattr(ptrace, "resume", resume)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading, writing = os.pipe()
    theirs.setblocking(False)
    life = _Life(theirs, writing)
    life._tracees.add(OLDER, OLDER)
    with ours, theirs, pytest.raises(ConnectionResetError):
        life.run()
    os.close(reading)
    os.close(writing)
    assert served == [NEWER] * TURN + [OLDER]


def test_what_was_fetched_is_told_before_a_pulse_can_miss_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call may come at any moment: what has ended and was fetched is no tracee any more, and none was lost."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading, writing = os.pipe()
    theirs.setblocking(False)
    life, ended = _Life(theirs, writing), list[int]()
    life._tracees.add(OLDER, OLDER)

    def fetch(_: object) -> tuple[int, int]:
        ended.append(OLDER)
        ours.send(wire.PING.pack(wire.PING_LETTER, 7))
        life.called(0, None)
        return OLDER, 0

    def wait() -> None:
        if ended:
            raise ConnectionResetError

    monkeypatch.setattr(ptrace, "wait", wait)
    monkeypatch.setattr(ptrace, "fetch", fetch)
    monkeypatch.setattr(ptrace, "is_tracee", lambda pid: pid not in ended)
    with ours, theirs, pytest.raises(ConnectionResetError):
        life.run()
    records, _ = wire.records(os.read(reading, 4096))
    os.close(reading)
    os.close(writing)
    assert [(record.kind, record.pid) for record in records] == [(wire.EXIT, OLDER)]


def test_a_pulse_has_told_all_that_nobody_else_tells_and_written_what_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading, writing = os.pipe()
    theirs.setblocking(False)
    life, done = _Life(theirs, writing), list[str]()
    for name in ("tell_early", "tell_strays"):
        monkeypatch.setattr(life._tracees, name, lambda name=name: done.append(name))
    monkeypatch.setattr(life._outlet, "flush", lambda: done.append("flush"))
    life._tracees.add(OLDER, OLDER)
    life._tracees.execs, life._tracees.stops, life._outlet.dropped = 2, 3, 4
    with ours, theirs:
        ours.send(wire.PING.pack(wire.PING_LETTER, 7))
        life._answer()
        assert wire.PULSE.unpack(ours.recv(256)) == (7, 1, 2, 3, 4)
    os.close(reading)
    os.close(writing)
    assert done == ["tell_early", "tell_strays", "flush"]


def test_a_call_that_comes_while_a_tracee_stands_still_is_answered_afterwards() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading, writing = os.pipe()
    theirs.setblocking(False)
    ours.setblocking(False)
    life = _Life(theirs, writing)
    with ours, theirs:
        ours.send(wire.PING.pack(wire.PING_LETTER, 7))
        life.called(0, None)
        with pytest.raises(BlockingIOError):
            ours.recv(256)
        life._waiting = True
        life.called(0, None)
        assert ours.recv(256)
    os.close(reading)
    os.close(writing)


def test_the_process_that_cannot_be_attached_to_is_named_at_once() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading, writing = os.pipe()
    with ours, theirs:
        _Life(theirs, writing)._stuck(OLDER)
        assert wire.STUCK.unpack(ours.recv(256)) == (wire.STUCK_LETTER, OLDER)
    os.close(reading)
    os.close(writing)
