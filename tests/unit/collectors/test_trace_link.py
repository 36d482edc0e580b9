"""The questions to a tracer, of which there may be more than its socket holds."""

import os
import socket
from contextlib import closing, suppress

import pytest

from collectors.trace_link import TracerLink, TracerLost
from collectors.tracer import wire

MANY = 3000


def test_a_ping_is_ahead_of_all_that_is_not_sent_and_waits_only_once() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading, writing = os.pipe()
    with theirs, closing(TracerLink(ours, os.pidfd_open(os.getpid()), reading)) as link:
        theirs.setblocking(False)
        for pid in range(MANY):
            link.attach(pid, 0)
        asked: list[bytes] = []
        while link._unsent:
            came = questions(theirs)
            assert [at for at, question in enumerate(came) if is_ping(question)] == ([0] if asked else [])
            asked += came
            link.ping(1)
            link.ping(2)  # for which there is no room mostly, nor is there for the next one
            link.ping(2)
        asked += questions(theirs)
    os.close(writing)
    attached = [wire.ATTACH.unpack(question)[1] for question in asked if not is_ping(question)]
    assert attached == list(range(MANY))


@pytest.mark.parametrize(
    ("said", "stuck_at"),
    [
        (wire.STUCK.pack(wire.STUCK_LETTER, 77), 77),
        (wire.FAILED + b"no memory", None),
        (wire.STUCK_LETTER, None),
        (b"", None),
    ],
)
def test_a_tracer_that_cannot_go_on_is_lost_and_names_the_process_that_keeps_it(
    said: bytes, stuck_at: int | None
) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading, writing = os.pipe()
    with theirs, closing(TracerLink(ours, os.pidfd_open(os.getpid()), reading)) as link:
        theirs.send(wire.PULSE.pack(ord(wire.STUCK_LETTER), 0, 0, 0, 0))
        theirs.send(said)
        with pytest.raises(TracerLost) as lost:
            link.pulse()
    os.close(writing)
    assert lost.value.stuck_at == stuck_at


def is_ping(question: bytes) -> bool:
    return question.startswith(wire.PING_LETTER)


def questions(tracer: socket.socket) -> list[bytes]:
    """All that have come."""
    found: list[bytes] = []
    with suppress(BlockingIOError):
        while True:
            found.append(tracer.recv(wire.QUESTION_BYTES))
    return found
