"""What is remembered of sockets, until their end: bounded, the longest unseen go first.

A socket is known by its cookie where a dump or an exact question has shown it. A connection of which only a packet was
seen has none yet; it is kept by its ends until one is found.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from collectors.inet_diag import TCP, InetSocket, unmapped
from sensor.model.counters import Counters
from sensor.model.events import Process, Timestamp

INBOUND, OUTBOUND = "inbound", "outbound"

MOST_SOCKETS = 16_384
"""About 8 MB when full."""
MOST_LOOSE = 4_096
"""Connections without a cookie."""
LOOSE_KEPT_S = 180.0
"""So long they are kept: a connect that gets no answer is given up by the kernel after 127 s (tcp(7))."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that holds a socket, as it was when it was found, and its container (may be `HOST`)."""

    process: Process
    container: str | None


class Ends(NamedTuple):
    """Both ends of a connection as they are on the wire, the task's own first. Addresses are 16 bytes."""

    src: bytes
    src_port: int
    dst: bytes
    dst_port: int


def reverse(ends: Ends) -> Ends:
    """The same connection as its other end sees it."""
    return Ends(ends.dst, ends.dst_port, ends.src, ends.src_port)


@dataclass(slots=True, eq=False)
class Known:
    """One socket. `since` is the monotonic time of its beginning, None if it may be older than we know; `shown` is when
    a dump showed it first, 0 where none did.

    `at` is the wall time of its SYN, if that was seen; `offered`, that we answered it. The ends are kept because the
    kernel clears them when a connection is aborted. `looks` counts the searches for an owner; `established` tells a TCP
    connection whose handshake was done, `refused` and `reset` how it was broken; `unsure`, that packets were lost while
    its answer was due. `told`: it was announced. `opened_late`: its SYN was read too late to see who held it;
    `ended_late`: its end was, so that its duration is not known.
    """

    family: int
    protocol: int
    ends: Ends
    since: float | None
    at: Timestamp | None = None
    shown: float = 0.0
    seen: int = 0
    own: bool = False
    offered: bool = False
    established: bool = False
    refused: bool = False
    reset: bool = False
    unsure: bool = False
    told: bool = False
    opened_late: bool = False
    ended_late: bool = False
    looks: int = 0
    owner: Owner | None = None
    evidence: str | None = None
    direction: str | None = None
    hostname: str | None = None


def known_of(sock: InetSocket, protocol: int, since: float | None) -> Known:
    """A socket that a dump or an exact question shows."""
    family, src = unmapped(sock.family, sock.src)
    return Known(family, protocol, Ends(src, sock.src_port, unmapped(sock.family, sock.dst)[1], sock.dst_port), since)


class SocketTable:
    """Cookie → `Known` in the order of the last sighting, and protocol and ends → `Known` for what has a peer."""

    def __init__(self, counters: Counters, limit: int = MOST_SOCKETS) -> None:
        self._counters = counters
        self._limit = limit
        self._known: dict[int, Known] = {}
        self._by_ends: dict[tuple[int, Ends], Known] = {}
        self._loose: OrderedDict[Ends, Known] = OrderedDict()
        self._loose_by_port: dict[int, list[Known]] = {}
        self._loose_by_peer: dict[tuple[bytes, bytes, int], Known] = {}
        self._aborted: OrderedDict[Ends, Known] = OrderedDict()
        self._round = 0
        self._refused = 0
        self._refused_before = 0

    def __len__(self) -> int:
        return len(self._known)

    def begin(self) -> None:
        """A new round of dumps begins, which will show every open socket."""
        self._round += 1
        self._refused_before, self._refused = self._refused, 0

    def touch(self, cookie: int) -> Known | None:
        """The socket, seen again in this round."""
        known = self._known.pop(cookie, None)
        if known is not None:
            known.seen = self._round
            self._known[cookie] = known
        return known

    def add(self, cookie: int, known: Known) -> bool:
        """Remember a socket; False when the table is full of sockets that are still there.

        Those it has no room for come again in each round, so only what exceeds the last round's number is a new loss.
        """
        if len(self._known) >= self._limit and not self._make_room():
            self._refused += 1
            if self._refused > self._refused_before:
                self._counters.lost("network_table_full")
            return False
        known.seen = self._round
        self._known[cookie] = known
        if known.ends.dst_port:
            self._by_ends[known.protocol, known.ends] = known
        return True

    def get(self, cookie: int) -> Known | None:
        """The socket, without seeing it."""
        return self._known.get(cookie)

    def pop(self, cookie: int) -> Known | None:
        """The socket has ended."""
        known = self._known.pop(cookie, None)
        if known is not None:
            self._forget_ends(known)
        return known

    def at(self, protocol: int, ends: Ends) -> Known | None:
        """What has these ends; a connection without a cookie has them from whoever had them before."""
        loose = self._loose.get(ends) if protocol == TCP else None
        return loose or self._by_ends.get((protocol, ends))

    def listeners(self) -> list[Known]:
        """The TCP sockets that listen, our own left out: no other of those that dumps show is without a peer."""
        return [k for k in self._known.values() if k.protocol == TCP and not k.ends.dst_port and not k.own]

    def add_loose(self, known: Known) -> None:
        """Remember a connection that has no cookie yet, in place of one that had its ends before."""
        if (before := self._loose.get(known.ends)) is not None:
            self._drop_loose(before)
        self._loose[known.ends] = known
        if known.direction == OUTBOUND:  # of the others the port is the listener's
            self._loose_by_port.setdefault(known.ends.src_port, []).append(known)
        else:
            self._loose_by_peer[_without_port(known.ends)] = known
        if len(self._loose) > MOST_LOOSE:
            self._drop_loose(next(iter(self._loose.values())))
            self._counters.lost("network_socket_forgotten")

    def aborted(self, known: Known) -> None:
        """A connection was broken off, so that its end may be told without its destination's port."""
        if known.ends in self._loose:
            self._aborted[known.ends] = known

    def attach(self, cookie: int, known: Known) -> None:
        """The connection was found to have this cookie. What a dump learnt of it meanwhile is taken along.

        A datagram socket may have been there for long before it asks: its beginning is not that of the question.
        """
        before = self._known.get(cookie)
        if before is known:
            return
        if before is not None:
            known.told |= before.told
            known.owner, known.evidence = known.owner or before.owner, known.evidence or before.evidence
            if known.protocol != TCP:
                known.since = before.since
            self.pop(cookie)
        if self.add(cookie, known):
            self._drop_loose(known)

    def pop_loose(self, ends: Ends) -> Known | None:
        """The connection without a cookie that has these ends, or what the kernel left of them.

        One that came in may have come to another port: netfilter redirects what is for an app's port to its proxy's
        (nat/PREROUTING, as ECS Service Connect sets it up).
        """
        known = self._loose.get(ends) or self._loose_by_peer.get(_without_port(ends))
        if not ends.dst_port:
            known = self._cleared(ends)
        if known is not None:
            self._drop_loose(known)
        return known

    def is_loose(self, known: Known) -> bool:
        """Whether it has no cookie yet."""
        return self._loose.get(known.ends) is known

    def forget(self, known: Known) -> None:
        """A connection without a cookie was none."""
        self._drop_loose(known)

    def forget_loose(self, now: float) -> None:
        """Drop connections without a cookie that are too old to be still on their way; `now` in monotonic seconds."""
        while self._loose:
            oldest = next(iter(self._loose.values()))
            if oldest.since is not None and now - oldest.since < LOOSE_KEPT_S:
                return
            self._drop_loose(oldest)

    def forget_absent(self) -> int:
        """Drop what this round did not show; closed sockets that somebody still holds are among that.

        How many of others than us had a peer.
        """
        forgotten = 0
        while self._known:
            cookie, known = next(iter(self._known.items()))
            if known.seen == self._round:
                break
            self.pop(cookie)
            forgotten += known.ends.dst_port != 0 and not known.own
        return forgotten

    @property
    def is_whole(self) -> bool:
        """Whether there was room for everything that this round showed."""
        return self._refused == 0

    def _make_room(self) -> bool:
        cookie, known = next(iter(self._known.items()))
        if known.seen >= self._round - 1:
            return False
        self.pop(cookie)
        self._counters.lost("network_socket_forgotten")
        return True

    def _cleared(self, ends: Ends) -> Known | None:
        """By the own port, where it is the connection's alone; else the first that was broken off."""
        alike = self._loose_by_port.get(ends.src_port, [])
        if len(alike) == 1:
            return alike[0]
        return next((known for known in self._aborted.values() if known.ends.src_port == ends.src_port), None)

    def _drop_loose(self, known: Known) -> None:
        if self._loose.get(known.ends) is not known:
            return  # another has its ends by now
        del self._loose[known.ends]
        self._aborted.pop(known.ends, None)
        if self._loose_by_peer.get(_without_port(known.ends)) is known:
            del self._loose_by_peer[_without_port(known.ends)]
        alike = self._loose_by_port.get(known.ends.src_port, [])
        if known in alike:
            alike.remove(known)
        if not alike:
            self._loose_by_port.pop(known.ends.src_port, None)

    def _forget_ends(self, known: Known) -> None:
        if self._by_ends.get((known.protocol, known.ends)) is known:
            del self._by_ends[known.protocol, known.ends]


def _without_port(ends: Ends) -> tuple[bytes, bytes, int]:
    """Who connects to which of our addresses."""
    return ends.src, ends.dst, ends.dst_port
