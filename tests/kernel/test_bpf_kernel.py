"""The kernel runs what was attached; sockets of the Unix domain take a filter from anybody."""

import errno
import os
import socket

import pytest

from collectors import bpf
from collectors.bpf import EQUAL, LOAD_BYTE, RETURN, Step, assembled, attach

pytestmark = pytest.mark.kernel

ONLY_SEVEN = assembled([Step(LOAD_BYTE, 0), Step(EQUAL, 7, None, "no"), Step(RETURN, bpf.WHOLE), "no", Step(RETURN, 0)])


def received(at: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(at.recv(64))
        except BlockingIOError:
            return found


def test_a_socket_receives_what_the_filter_passes_from_then_on() -> None:
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        receiver.setblocking(False)
        for code in (ONLY_SEVEN, bpf.NOTHING, assembled([Step(RETURN, bpf.WHOLE)])):
            attach(receiver, code)
            for first in (6, 7):
                sender.send(bytes([first, 0, 255]))
            expected = {ONLY_SEVEN: [b"\7\0\xff"], bpf.NOTHING: []}.get(code, [b"\6\0\xff", b"\7\0\xff"])
            assert received(receiver) == expected


def test_what_the_kernel_refuses_is_an_error() -> None:
    with socket.socket(socket.AF_UNIX) as one, pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        attach(one, assembled([Step(0xFF)]))
