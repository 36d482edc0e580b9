"""Which process holds a socket: an index of all readable descriptors, made again when it is asked and out of date."""

from collections.abc import Callable, Iterable

from collectors.process_table import Tracked
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone

FRESH_S = 0.05
"""Age up to which a socket that the index lacks is believed to have no readable owner."""
MOST = 65_536
"""Sockets that the index holds."""


class SocketOwners:
    """Socket inode → PID. Where several processes share a socket, the newest one counts."""

    def __init__(
        self,
        processes: Callable[[], Iterable[Tracked]],
        sockets: Callable[[Tracked], Iterable[int]],
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._processes = processes
        self._sockets = sockets
        self._clock = clock
        self._counters = counters
        self._index: dict[int, Tracked] = {}
        self._made = float("-inf")

    def owner(self, inode: int) -> int | None:
        """The PID that held the socket when the index was made, and lives; None where nobody readable does."""
        if self._holder(inode) is None and self._clock.monotonic() - self._made > FRESH_S:
            self._make()
        holder = self._holder(inode)
        return holder.pid if holder else None

    def _holder(self, inode: int) -> Tracked | None:
        holder = self._index.get(inode)
        return holder if holder is not None and holder.ended is None else None

    def _make(self) -> None:
        self._index = {}
        for process in self._processes():
            try:
                inodes = self._sockets(process)
            except (ProcessGone, AccessDenied):
                continue  # its sockets have no owner then, which the event says in evidence.missing
            for inode in inodes:
                self._index.setdefault(inode, process)
            if len(self._index) > MOST:
                self._counters.lost("socket_owners_full")
                break
        self._made = self._clock.monotonic()
