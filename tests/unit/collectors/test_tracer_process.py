"""The tracer's loop: whom it serves when, with a kernel that tells of the newest tracee first."""

import os
import socket

import pytest

from collectors.tracer import ptrace
from collectors.tracer.process import TURN, _Life

OLDER, NEWER = 100, 101
STOP = 28 << 8 | 0x7F


def test_a_tracee_that_stops_again_and_again_keeps_no_older_one_standing(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[int] = []
    monkeypatch.setattr(ptrace, "wait", lambda: (NEWER, STOP))
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
