"""Which sockets of a table are the same from one look to the next, and which have gone: for tables without cookies.

A connection is known by its two ends from before it is accepted until after it is closed, when it has no inode; two of
the same ends with different inodes are two connections. Whatever else, a listener or a UDP socket, always has an inode
and may share its ends with others, so it is known by the inode. The kernel uses an inode again only after 2^32 more.
"""

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from collectors.inet_diag import CLOSE, TCP, Decoded, InetSocket
from collectors.socket_table import MOST_SOCKETS
from sensor.model.counters import Counters

STAND_IN = 1 << 63
"""Set in the number that stands in for a cookie. The kernel counts its own up from 1 (net/core/sock_diag.c,
sock_gen_cookie), so none of them gets there, and what remembers cookies of both kinds never takes one for the other."""

Ends = tuple[int, int, bytes, bytes]


@dataclass(slots=True)
class Sighting:
    """A socket that was there at a look. `inode` is the last that was not 0."""

    cookie: int
    inode: int
    look: int
    ends: Ends


class SocketSightings:
    """The sockets of one family and protocol, in the order of the last sighting; `cookies` numbers those of all."""

    def __init__(
        self, family: int, protocol: int, *, cookies: Iterator[int], counters: Counters, limit: int = MOST_SOCKETS
    ) -> None:
        self._family = family
        self._protocol = protocol
        self._cookies = cookies
        self._counters = counters
        self._limit = limit
        self._sightings: dict[Ends | int, Sighting] = {}
        self._replaced: list[InetSocket] = []
        self._look = 0
        self._refused = 0
        self._refused_before = 0
        self.unsure = False
        """Whether the last look missed a socket that the one before it had shown."""

    def begin(self) -> None:
        """A look begins; one that has failed before it was through counts for nothing."""
        self._refused_before, self._refused = self._refused, 0

    def see(self, sock: InetSocket) -> InetSocket | None:
        """The socket with its stand-in for a cookie; None where there is no room to know it by the next look."""
        ends = (sock.src_port, sock.dst_port, sock.src, sock.dst)
        key = ends if self._protocol == TCP and sock.dst_port else sock.inode
        sighting = self._sightings.pop(key, None)
        if sighting is not None and sock.inode and sighting.inode and sighting.inode != sock.inode:
            self._replaced.append(self._ended(sighting))
            sighting = None
        if sighting is None:
            if len(self._sightings) >= self._limit:
                self._refuse()
                return None
            sighting = Sighting(STAND_IN | next(self._cookies), sock.inode, self._look, ends)
        if sock.inode:
            sighting.inode = sock.inode
        sighting.look = self._look
        sighting.ends = ends
        self._sightings[key] = sighting
        return InetSocket(*sock[:7], sighting.cookie, *sock[8:])  # a third of what `_replace` takes

    def finish(self) -> list[InetSocket]:
        """The look went through the whole table. What has ended since: gone for two looks, or another has its ends.

        One look may miss a socket that is there: the kernel goes on from a place in its table, and what ends between
        two reads moves what comes after it (net/ipv4/tcp_ipv4.c, tcp_seek_last_pos).
        """
        ended, self._replaced = self._replaced, []
        look, self._look = self._look, self._look + 1
        self.unsure = False
        while self._sightings and not self.unsure:
            key, sighting = next(iter(self._sightings.items()))
            if sighting.look == look:
                break
            self.unsure = sighting.look == look - 1
            if not self.unsure:
                ended.append(self._ended(sighting))
                del self._sightings[key]
        return ended

    def _ended(self, sighting: Sighting) -> InetSocket:
        return InetSocket(self._family, CLOSE, *sighting.ends, 0, sighting.cookie, 0, 0, 0, 0, self._protocol)

    def _refuse(self) -> None:
        """Those without room come again in each look, so only what exceeds the last look's number is a new loss."""
        self._refused += 1
        if self._refused > self._refused_before:
            self._counters.lost("network_table_full")


class GoneSockets:
    """The ends that looks have found, as a stream like `netlink_socket.DestroyedSockets`; it never overflows, since no
    more can end than were seen."""

    def __init__(self) -> None:
        self._waiting: deque[InetSocket] = deque()
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.overflowed = False

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._fd

    def add(self, ended: list[InetSocket]) -> None:
        """These have ended."""
        if ended:
            self._waiting.extend(ended)
            os.eventfd_write(self._fd, 1)

    def receive(self) -> Decoded | None:
        """The next end; None when there is none."""
        if self._waiting:
            return Decoded([self._waiting.popleft()])
        try:
            os.eventfd_read(self._fd)
        except BlockingIOError:
            return None  # nothing was announced
        return None

    def newly_dropped(self) -> int:
        """None ever is."""
        return 0

    def close(self) -> None:
        """Release the descriptor. Not to be called twice."""
        os.close(self._fd)
