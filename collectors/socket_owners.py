"""Which process holds a socket: the likely ones are asked first, and what a look meets on the way is remembered.

Likely is who was found to hold a socket lately; then come the newest processes, those of the socket's uid first. A
search is bounded in time and in the links that it reads, because it is made on the loop; one that follows at once goes
on where this one gave up.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

from collectors.allowance import Allowance
from collectors.descriptor_map import Look
from collectors.process_table import Tracked
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone

FRESH_S = 0.05
"""So long a process that did not hold a socket is believed not to hold another one that is sought."""
NEWEST = 2
"""So many of the socket's uid are asked all the same, once for each socket: a container that has just come connects
before any socket of it was found, and what was over too soon to be found says nothing of its next."""
QUICK_S, PATIENT_S = 0.004, 0.01
"""How long one search may take: for a connection that may be over soon, and otherwise."""
MOST = 65_536
"""Sockets whose holder is remembered."""
LATELY = 8
"""Processes that were found to hold a socket lately."""
LINKS = 2048
"""Links that are read of one process in one search: about 6 ms."""
LINKS_PER_SECOND, LINKS_SAVED = 10_000, 40_000
"""About 3 % of a core, and what may be spent at once after quiet times."""

SocketLook = Callable[[Tracked, int, int], Look]
"""Looks for an inode among a process's descriptors, reading at most so many links. Raises ProcessGone, AccessDenied."""


class SocketOwners:
    """Socket inode → process. Where several share a socket, the first that is met counts."""

    def __init__(
        self, processes: Callable[[], Iterable[Tracked]], look: SocketLook, clock: Clock, counters: Counters
    ) -> None:
        self._processes = processes
        self._look = look
        self._clock = clock
        self._counters = counters
        self._holders: OrderedDict[int, Tracked] = OrderedDict()
        self._lately: OrderedDict[str, Tracked] = OrderedDict()
        self._asked: dict[str, tuple[float, int]] = {}
        self._links = Allowance(per_second=LINKS_PER_SECOND, burst=LINKS_SAVED, clock=clock)

    def owner(self, inode: int, *, uid: int | None = None, quick: bool = False) -> int | None:
        """The PID of a live process that holds the socket; None where nobody readable does, or the search gave up.

        `uid` is the socket's, where it is known: who made it.
        """
        holder = self._holders.get(inode)
        if holder is not None and holder.ended is None:
            self._remember_lately(holder)
            return holder.pid
        until = self._clock.monotonic() + (QUICK_S if quick else PATIENT_S)
        for process in self._in_order(inode, uid):
            if self._clock.monotonic() > until or not self._links.take(0):
                self._counters.add("socket_searches_cut")
                return None
            if self._holds(process, inode):
                self._remember_lately(process)
                return process.pid
        return None

    def _in_order(self, inode: int, uid: int | None) -> Iterator[Tracked]:
        """The likely ones first; of the others those are left out that were asked a moment ago, but for the newest."""
        for entity, process in reversed(list(self._lately.items())):
            if process.ended is None:
                yield process
            else:
                del self._lately[entity]
        now = self._clock.monotonic()
        self._asked = {entity: asked for entity, asked in self._asked.items() if now - asked[0] < FRESH_S}
        others = [p for p in self._processes() if p.entity not in self._lately]
        makers = [p for p in others if uid is None or p.uid in (uid, None)]
        yield from (p for p in makers[:NEWEST] if self._asked.get(p.entity, (now, 0))[1] != inode)
        yield from (p for p in makers[NEWEST:] if p.entity not in self._asked)
        if uid is not None:
            yield from (p for p in others if p.uid not in (uid, None) and p.entity not in self._asked)

    def _holds(self, process: Tracked, inode: int) -> bool:
        try:
            found = self._look(process, inode, LINKS)
        except (ProcessGone, AccessDenied):  # its sockets have no owner then, which the event says in evidence.missing
            found = Look([], 1)
        self._links.spend(found.links)
        self._asked[process.entity] = self._clock.monotonic(), inode
        for met in found.inodes:
            self._holders[met] = process
        while len(self._holders) > MOST:
            self._holders.popitem(last=False)
            self._counters.lost("socket_owners_full")
        return inode in found.inodes

    def _remember_lately(self, process: Tracked) -> None:
        self._lately[process.entity] = process
        self._lately.move_to_end(process.entity)
        if len(self._lately) > LATELY:
            self._lately.popitem(last=False)
