"""Whose a connection is: the kernel names its socket, and the task view who holds that.

What cannot be looked up any more, or would cost too much, is taken to belong to whoever held the last connection to the
same destination, or holds the listening socket: evidence `recent`, never `descriptor`.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from operator import itemgetter
from typing import Protocol

from collectors.allowance import Allowance
from collectors.inet_diag import ESTABLISHED, FIN_WAIT2, SYN_RECV, SYN_SENT, TCP, TIME_WAIT, InetSocket
from collectors.network_events import DESCRIPTOR, RECENT
from collectors.socket_table import INBOUND, OUTBOUND, Ends, Known, Owner
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.protocols import HOST, TaskView

LOOKUPS_PER_SECOND, LOOKUPS_SAVED = 100, 1_000
"""Sockets that are looked up; each costs 50 to 200 µs."""
RECENT_S = 5.0
"""So long the last owner of a destination, or of a listener, is taken for the next one's."""
NEW_NS = 100_000_000
"""So long before a connection its process may have started to count as a newcomer."""
TICK_NS = 10_000_000
"""So exactly starts are known; they are rounded down."""
MOST_RECENT = 1_024
"""Destinations and listeners whose last owner is remembered."""

Find = Callable[[int, int, Ends], InetSocket | None]
"""The exact question, by family, protocol and ends: `socket_questions.SocketQuestions.find`."""

_OPENING = frozenset({SYN_SENT, SYN_RECV})
_OVER = frozenset({FIN_WAIT2, TIME_WAIT})
"""Without an inode these are what the kernel keeps in a closed socket's place, under another cookie."""
_NOWHERE = bytes(16)


class Own(Protocol):
    """What tells the sensor's own sockets: `collectors.own_sockets`."""

    def look(self) -> None: ...

    def has_cookie(self, cookie: int) -> bool: ...

    def has_inode(self, inode: int) -> bool: ...

    def has_asked(self, ends: Ends) -> bool: ...


class Attribution:
    """Fills in `owner` and `evidence` of what is `Known`, and `own` where it is the sensor's."""

    def __init__(self, *, task: TaskView, find: Find, own: Own, counters: Counters, clock: Clock) -> None:
        self._task = task
        self._find = find
        self._own = own
        self._counters = counters
        self._clock = clock
        self._recent: OrderedDict[Hashable, tuple[Owner, float]] = OrderedDict()
        self._lookups = Allowance(per_second=LOOKUPS_PER_SECOND, burst=LOOKUPS_SAVED, clock=clock)

    def look_up(self, known: Known) -> InetSocket | None:
        """The socket of a connection if it is there, with its owner if it has one already, and whether it is open."""
        if not self._lookups.take(1):
            self._counters.add("network_lookups_spared")
            return None
        sock = self._find(known.family, known.protocol, known.ends)
        if sock is None or (not sock.inode and sock.state in _OVER):
            return None
        if known.protocol == TCP and not sock.dst_port:  # the connection is over, and this the listener it came to
            self._see_listener(known, sock)
            return None
        known.established |= sock.state == ESTABLISHED or (sock.state not in _OPENING and known.direction == INBOUND)
        if self._own.has_cookie(sock.cookie):
            known.own = True
        elif sock.inode and known.evidence != DESCRIPTOR:
            self.find_owner(known, sock, quick=True)
        return sock

    def find_owner(self, known: Known, sock: InetSocket, *, quick: bool = False) -> None:
        """Search for the holder of the socket; `quick` where it may be over in a moment."""
        pid = self._holder(sock, quick=quick)
        if self._own.has_inode(sock.inode) or (pid is not None and self._task.is_own(pid)):
            known.own = True
        elif (owner := self._owner(pid, _sort(known))) is not None:
            known.owner, known.evidence = owner, DESCRIPTOR
            self._remember(_sort(known), owner)

    def fall_back(self, known: Known, *, is_over: bool) -> None:
        """The best that is left to say where nobody was found holding the socket.

        That it was the last owner of the same destination, if that lived when it began; or who holds the listener; or,
        once it is over, who had only just started: a process of a moment that was started to connect. Where its SYN
        was read late nobody was looked for while it was open, and whoever has been there for long may have it as well.
        """
        if known.owner is not None or known.since is None:
            return
        found = self._lately(known, known.since)
        if found is None and known.direction == INBOUND and self._lookups.take(1):
            listener = self._find(known.family, TCP, Ends(known.ends.src, known.ends.src_port, _NOWHERE, 0))
            if listener is not None:
                self._see_listener(known, listener)
            found = self._lately(known, known.since)
        if found is None and is_over and known.direction == OUTBOUND and not known.opened_late:
            found = self._newcomer(known, known.since)
        if found is not None:
            known.owner, known.evidence = found, RECENT

    def _lately(self, known: Known, began: float) -> Owner | None:
        owner, at = self._recent.get(_sort(known), (None, 0.0))
        if owner is None or self._clock.monotonic() - at > RECENT_S:
            return None
        had_started = known.at is None or (owner.process.start or 0) <= known.at
        return owner if had_started and self._task.lived_at(owner.process.entity, began) else None

    def _newcomer(self, known: Known, began: float) -> Owner | None:
        """A process that lived then and had started only just before: the last one, as far as starts can tell."""
        latest = known.at or 0
        found = [
            (started, Owner(process, container))
            for container in self._task.containers()
            for process, _ended, started in self._task.recent(container, began)
            if started is not None and latest - NEW_NS < started <= latest
            if not self._task.is_own(process.pid)
        ]
        above = {ancestor.entity for _, owner in found for ancestor in owner.process.ancestors}
        found = sorted((one for one in found if one[1].process.entity not in above), key=itemgetter(0))
        within_a_tick = [owner for start, owner in found if start > latest - TICK_NS]
        if within_a_tick:  # of these some may have started a little later
            return within_a_tick[0]
        return found[-1][1] if found else None

    def _see_listener(self, known: Known, listener: InetSocket) -> None:
        if known.direction != INBOUND:
            return
        owner = self._owner(self._holder(listener, quick=True), _sort(known))
        if owner is not None and not self._task.is_own(owner.process.pid):
            self._remember(_sort(known), owner)

    def _holder(self, sock: InetSocket, *, quick: bool) -> int | None:
        if self._own.has_inode(sock.inode):
            return None  # there is nobody else to look for
        return self._task.owner_of(sock.inode, uid=sock.uid, quick=quick)

    def _owner(self, pid: int | None, sort: Hashable) -> Owner | None:
        """The process with its container. Of the last owner, while it lives, nothing has to be read again for that."""
        last, _ = self._recent.get(sort, (None, 0.0))
        if last is not None and last.process.pid == pid and last.container not in (None, HOST):  # nobody leaves one
            process = self._task.current(last.process.entity)
            if process is not None and self._task.lived_at(process.entity, self._clock.monotonic()):
                return Owner(process, last.container)
        process = None if pid is None else self._task.process(pid)
        return Owner(process, self._task.container_of(process.pid)) if process else None

    def _remember(self, sort: Hashable, owner: Owner) -> None:
        self._recent[sort] = (owner, self._clock.monotonic())
        self._recent.move_to_end(sort)
        if len(self._recent) > MOST_RECENT:
            self._recent.popitem(last=False)


def _sort(known: Known) -> Hashable:
    """What a connection has in common with the last one of the same owner."""
    if known.direction == INBOUND:
        return known.protocol, known.ends.src_port
    return known.protocol, known.ends.dst, known.ends.dst_port
