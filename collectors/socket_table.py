"""What is remembered of the sockets that dumps have shown, until their end: bounded, the longest unseen go first."""

from dataclasses import dataclass

from sensor.model.counters import Counters
from sensor.model.events import Process

MOST_SOCKETS = 16_384
"""About 5 MB when full."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that holds a socket, as it was when the descriptor was found, and its container (may be `HOST`)."""

    process: Process
    container: str | None


@dataclass(slots=True)
class Known:
    """One socket. `since` is the monotonic time of the dump that showed it first, None if it may be older than that.

    `src` and `dst_port` are kept because the kernel clears them when a connection is aborted. `looks` counts the
    searches for an owner; `established` tells a TCP connection whose handshake was done.
    """

    src: bytes
    dst_port: int
    since: float | None
    seen: int
    own: bool = False
    established: bool = False
    told: bool = False
    looks: int = 0
    owner: Owner | None = None
    direction: str | None = None


class SocketTable:
    """Cookie → `Known`, in the order of the last sighting."""

    def __init__(self, counters: Counters, limit: int = MOST_SOCKETS) -> None:
        self._counters = counters
        self._limit = limit
        self._known: dict[int, Known] = {}
        self._round = 0
        self._refused = 0
        self._refused_before = 0

    def __len__(self) -> int:
        return len(self._known)

    def begin(self) -> None:
        """A new round of dumps begins."""
        self._round += 1
        self._refused_before, self._refused = self._refused, 0

    def touch(self, cookie: int) -> Known | None:
        """The socket, seen again in this round."""
        known = self._known.pop(cookie, None)
        if known is not None:
            known.seen = self._round
            self._known[cookie] = known
        return known

    def add(self, cookie: int, src: bytes, dst_port: int, since: float | None) -> Known | None:
        """Remember a socket; None when the table is full of sockets that are still there.

        Those it has no room for come again in each round, so only what exceeds the last round's number is a new loss.
        """
        if len(self._known) >= self._limit and not self._make_room():
            self._refused += 1
            if self._refused > self._refused_before:
                self._counters.lost("network_table_full")
            return None
        known = self._known[cookie] = Known(src, dst_port, since, self._round)
        return known

    def get(self, cookie: int) -> Known | None:
        """The socket, without seeing it."""
        return self._known.get(cookie)

    def pop(self, cookie: int) -> Known | None:
        """The socket has ended."""
        return self._known.pop(cookie, None)

    def forget_absent(self) -> None:
        """Drop what this round did not show; closed sockets that somebody still holds are among that."""
        while self._known:
            cookie, known = next(iter(self._known.items()))
            if known.seen == self._round:
                return
            del self._known[cookie]

    @property
    def is_whole(self) -> bool:
        """Whether there was room for everything that this round showed."""
        return self._refused == 0

    def _make_room(self) -> bool:
        cookie, known = next(iter(self._known.items()))
        if known.seen >= self._round - 1:
            return False
        del self._known[cookie]
        self._counters.lost("network_socket_forgotten")
        return True
