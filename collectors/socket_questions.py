"""One exact question to the kernel: which socket has these ends? About 20 µs, whatever the number of sockets."""

import errno
import socket

from collectors import inet_diag, netlink_socket
from collectors.inet_diag import TCP, InetSocket
from collectors.socket_table import Ends
from sensor.model.clock import Clock
from sensor.model.counters import Counters

SILENT_S = 60.0
"""So long nothing is asked after a refusal: a seccomp profile that forbids it will not change its mind."""
BUSY_S = 1.0
"""So long where descriptors or memory were short, which passes."""
_BUSY = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN})
_ABSENT = frozenset({errno.ENOENT, errno.EINVAL})
"""Answers that say that there is no such socket, or no such kind of socket in this kernel."""


class SocketQuestions:
    """Asks over one NETLINK_SOCK_DIAG socket, which is made with the first question, and anew after an error."""

    def __init__(self, counters: Counters, clock: Clock) -> None:
        self._counters = counters
        self._clock = clock
        self._asking: socket.socket | None = None
        self._silent_until = float("-inf")

    def find(self, family: int, protocol: int, ends: Ends) -> InetSocket | None:
        """The socket; for TCP, where there is none, the listener that serves its own end. None where neither is.

        UDP is asked the other way round: net/ipv4/udp_diag.c takes the ends as those of an incoming packet.
        """
        if self._clock.monotonic() < self._silent_until:
            return None
        ours, theirs = (ends.src, ends.src_port), (ends.dst, ends.dst_port)
        if protocol != TCP:
            ours, theirs = theirs, ours
        try:
            return self._ask(inet_diag.exact_request(family, protocol, ours, theirs))
        except OSError as error:
            self._silent_until = self._clock.monotonic() + (BUSY_S if error.errno in _BUSY else SILENT_S)
            self._counters.lost("sock_diag_refused")
            self.close()
            return None

    def close(self) -> None:
        """Release the descriptor. Safe to call twice; a later question opens another."""
        if self._asking is not None:
            self._asking.close()
            self._asking = None

    def _ask(self, request: bytes) -> InetSocket | None:
        if self._asking is None:
            self._asking = netlink_socket.open_socket()
        self._asking.send(request)
        answer = netlink_socket.received(self._asking)
        if answer.error and answer.error not in _ABSENT:
            raise OSError(answer.error, "sock_diag refuses a question")
        return next(iter(answer.sockets), None)
