"""How long nothing is asked after an error; what the kernel answers is in the kernel tier."""

import errno
import socket

import pytest
from fakes import FakeClock

from collectors import netlink_socket
from collectors.inet_diag import TCP
from collectors.socket_questions import BUSY_S, SILENT_S, SocketQuestions
from collectors.socket_table import Ends
from sensor.model.counters import Counters

ENDS = Ends(bytes(16), 1, bytes(16), 2)


@pytest.mark.parametrize(("number", "silent_s"), [(errno.EPERM, SILENT_S), (errno.EMFILE, BUSY_S)])
def test_what_passes_is_asked_again_soon_and_what_is_refused_is_not(
    monkeypatch: pytest.MonkeyPatch, number: int, silent_s: float
) -> None:
    tried: list[int] = []

    def refuse() -> socket.socket:
        tried.append(number)
        raise OSError(number, "no")

    monkeypatch.setattr(netlink_socket, "open_socket", refuse)
    counters, clock = Counters(), FakeClock()
    questions = SocketQuestions(counters, clock)
    for wait, asked in ((0, 1), (silent_s * 0.99, 1), (silent_s * 0.02, 2)):
        clock.advance(wait)
        assert questions.find(socket.AF_INET, TCP, ENDS) is None
        assert len(tried) == asked
    assert counters.losses == {"sock_diag_refused": 2}
