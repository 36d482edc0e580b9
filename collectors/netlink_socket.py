"""NETLINK_SOCK_DIAG sockets: dumps, and the stream of sockets that the kernel destroys.

None of it needs a capability (net/core/sock_diag.c lets everyone listen); all of it sees one network namespace.
"""

import errno
import os
import select
import socket
from collections.abc import Generator

from collectors import bpf, inet_diag
from collectors.inet_diag import Decoded
from collectors.procfs import Procfs
from sensor.model.errors import AccessDenied, ProcessGone

NETLINK_SOCK_DIAG = 4
DATAGRAM = 65_536
"""Twice what the kernel puts into one datagram of a dump (net/netlink/af_netlink.c, netlink_dump)."""
RECEIVE_BUFFER = 8 << 20
"""Bytes asked for; the kernel gives at most net.core.rmem_max, and counts its own overhead by doubling it."""

OPEN_STATES = {
    inet_diag.TCP: inet_diag.state_mask(1, 2, 4, 5, 8, 9, 10, 11),  # TIME_WAIT and half open ones have no owner
    inet_diag.UDP: inet_diag.state_mask(inet_diag.ESTABLISHED, inet_diag.CLOSE),
}
KINDS = [(family, protocol) for protocol in OPEN_STATES for family in inet_diag.FAMILIES]
"""What dumps there are to make."""


class DestroyedSockets:
    """The stream of destroyed sockets. What did not fit into the receive buffer is counted by the kernel."""

    def __init__(self, procfs: Procfs, receive_buffer: int = RECEIVE_BUFFER) -> None:
        """Raises OSError, EPERM among them, where the groups cannot be joined."""
        self._procfs = procfs
        self._socket = open_socket()
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self._socket.bind((0, inet_diag.DESTROY_GROUPS))
        except OSError:
            self._socket.close()
            raise
        self._inode = os.fstat(self._socket.fileno()).st_ino
        self._waiting = select.poll()
        self._waiting.register(self._socket, select.POLLIN)
        self._dropped = 0
        self.overflowed = False
        """Set when the kernel says that the buffer was full; the reader clears it."""

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._socket.fileno()

    @property
    def receive_buffer(self) -> int:
        """Bytes that the kernel holds for us, its overhead included."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    def filter(self, code: bytes) -> None:
        """Hear only what this filter passes from now on. Raises OSError where the kernel refuses it."""
        bpf.attach(self._socket, code)

    def receive(self) -> Decoded | None:
        """The next datagram; None when there is none. That is asked first: the error of a vain read costs more."""
        while self._waiting.poll(0):
            try:
                return received(self._socket)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.overflowed = True  # told once for each time the buffer was full; the count is in /proc
        return None

    def newly_dropped(self) -> int | None:
        """How many messages were dropped since this was asked last; None where the kernel does not show it."""
        total = self._drops()
        if total is None:
            return None
        new = (total - self._dropped) & 0xFFFFFFFF
        self._dropped = total
        return new

    def close(self) -> None:
        """Leave the groups and release the descriptor. Safe to call twice."""
        self._socket.close()

    def _drops(self) -> int | None:
        try:
            return drops_of(self._procfs.read("net/netlink"), self._inode)
        except (ProcessGone, AccessDenied):
            return None


def drops_of(table: bytes, inode: int) -> int | None:
    """The column Drops of a sock_diag socket in /proc/net/netlink (net/netlink/af_netlink.c); None if absent."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[1] == b"%d" % NETLINK_SOCK_DIAG and int(fields[9]) == inode:
            return int(fields[8])
    return None


def dump(family: int, protocol: int, states: int | None = None) -> Generator[Decoded, None, None]:
    """The sockets of a family and protocol, by default those that `OPEN_STATES` has, one datagram at a time.

    The kernel fills a datagram (about 300 sockets) when the one before it is taken, so nothing piles up between
    two steps. Each dump has a socket of its own: what an abandoned one left behind cannot meet the next one's answer.
    Raises OSError; ENOENT where the kernel has no sock_diag for the protocol.
    """
    wanted = OPEN_STATES[protocol] if states is None else states
    with open_socket() as asking:
        asking.send(inet_diag.dump_request(family, protocol, wanted))
        while True:
            decoded = received(asking)
            if decoded.error:
                raise OSError(decoded.error, f"sock_diag refuses a dump: {os.strerror(decoded.error)}")
            yield decoded
            if decoded.done:
                return


def open_socket() -> socket.socket:
    """Not blocking: the kernel has answered by the time that `send` returns."""
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    return socket.socket(socket.AF_NETLINK, kind, NETLINK_SOCK_DIAG)


def received(reading: socket.socket) -> Decoded:
    """One datagram. What does not come from the kernel (port id 0) is not believed, only counted."""
    data, (sender, _groups) = reading.recvfrom(DATAGRAM)
    return inet_diag.decode(data) if sender == 0 else Decoded([], malformed=1)
