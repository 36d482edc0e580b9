"""From sockets to events: what is new, who owns it, which way it goes, and what it carried when it ends. No I/O."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from collectors import network_events as events
from collectors.inet_diag import CLOSE, LISTEN, SYN_SENT, TCP, UDP, InetSocket, is_loopback, is_unspecified
from collectors.socket_table import Known, Owner, SocketTable
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.events import Event
from sensor.model.protocols import Emit, TaskView

DNS = 53
LOOKS = 3
"""Searches for an owner, one a round; the event waits for the second, since a connection may not be accepted yet."""
REMEMBER_LISTENER_S = 60.0
"""So long a port counts as a listener's after the listener was seen last."""
MOST_FOLDED = 1_000


class Own(Protocol):
    """What tells the sensor's own sockets: `collectors.own_sockets`."""

    def look(self) -> None: ...

    def has_cookie(self, cookie: int) -> bool: ...

    def has_inode(self, inode: int) -> bool: ...


class NetworkTracker:
    """Fed with the sockets of dumps (`begin`, `see`…, `finish`, `settle`…) and with destroyed ones (`end`).

    `served` asks the kernel whether a TCP listener serves a socket's local end. Ports in `ephemeral` are those that
    the kernel hands out by itself: an unconnected UDP socket on any other port is there to be found.
    """

    def __init__(
        self,
        *,
        task: TaskView,
        emit: Emit,
        own: Own,
        counters: Counters,
        clock: Clock,
        loopback: bool,
        ephemeral: range,
        served: Callable[[InetSocket], bool],
        table: SocketTable,
    ) -> None:
        self._task = task
        self._emit = emit
        self._own = own
        self._counters = counters
        self._clock = clock
        self._loopback = loopback
        self._ephemeral = ephemeral
        self._served = served
        self._table = table
        self._listeners: dict[tuple[int, int], float] = {}
        self._unowned: deque[tuple[InetSocket, int, Known]] = deque()
        self._folded: dict[str | None, Event] = {}
        self._now = clock.monotonic()
        self.unfinished = False
        """Whether a round is worth its while though no socket came: an owner is still sought, or a dump failed."""
        self._watching = False  # whether the last round saw everything, so that what is new has only just begun

    def begin(self) -> None:
        """A round of dumps begins."""
        self._now = self._clock.monotonic()
        self._table.begin()
        self._unowned.clear()
        self.unfinished = False

    def see(self, sock: InetSocket, protocol: int) -> None:
        """A socket that is open now. Called for every socket in every round, so the known ones cost little."""
        if not sock.dst_port and self._listens(sock, protocol):
            self._listeners[protocol, sock.src_port] = self._now
        known = self._table.touch(sock.cookie) or self._take_in(sock)
        if known is None or known.own:
            return
        known.established = protocol == TCP and sock.state not in (SYN_SENT, LISTEN)
        if known.owner is None and known.looks < LOOKS:
            self._unowned.append((sock, protocol, known))

    def finish(self, *, whole: bool, forget: bool) -> None:
        """The dumps are through. `whole` if none failed; `forget` what they did not show, if its end is never told."""
        self._watching = whole and self._table.is_whole
        self.unfinished = not whole
        if whole and forget:
            self._table.forget_absent()
        self._listeners = {k: at for k, at in self._listeners.items() if self._now - at < REMEMBER_LISTENER_S}
        if self._unowned:
            self._own.look()
        self.flush()

    def settle(self) -> bool:
        """Look for the owner of one more socket, and tell of it; False when there is none left."""
        if not self._unowned:
            return False
        sock, protocol, known = self._unowned.popleft()
        if self._table.get(sock.cookie) is known:  # it has not ended meanwhile
            self._find_owner(sock, known)
            if not known.own:
                self._consider(sock, protocol, known)
        return True

    def end(self, sock: InetSocket) -> None:
        """A socket was destroyed."""
        known = self._table.pop(sock.cookie)
        if known is None and self._own.has_cookie(sock.cookie):
            self._counters.add("own_sockets")
            return
        if (known is not None and known.own) or self._hidden(sock):
            return
        protocol = UDP if sock.protocol == UDP else TCP
        if is_unspecified(sock.dst) and (protocol == TCP or not sock.src_port):
            return  # a listener, or a socket that was never used
        direction = (known and known.direction) or self._direction(sock, protocol)
        since = known.since if known else None
        duration = None if since is None else self._clock.monotonic() - since
        event = events.ended(sock, protocol, known, direction, duration, self._clock.wall())
        if is_unspecified(sock.dst):
            self._fold(event)
        else:
            self._emit(event)

    def flush(self) -> None:
        """Tell of the folded ends."""
        for event in self._folded.values():
            self._emit(event)
        self._folded.clear()

    def _take_in(self, sock: InetSocket) -> Known | None:
        if self._hidden(sock):
            return None
        known = self._table.add(sock.cookie, sock.src, sock.dst_port, self._now if self._watching else None)
        if known is not None and self._own.has_cookie(sock.cookie):
            self._disown(known)
        return known

    def _disown(self, known: Known) -> None:
        known.own = True
        self._counters.add("own_sockets")

    def _find_owner(self, sock: InetSocket, known: Known) -> None:
        if not sock.inode:  # in a listener's queue: nobody has accepted it, so there is no owner to look for
            known.looks = min(known.looks + 1, LOOKS - 1)
            return
        known.looks += 1
        pid = None if self._own.has_inode(sock.inode) else self._task.owner_of(sock.inode)
        if self._own.has_inode(sock.inode) or (pid is not None and self._task.is_own(pid)):
            self._disown(known)
        elif pid is not None and (process := self._task.process(pid)) is not None:
            known.owner = Owner(process, self._task.container_of(pid))

    def _consider(self, sock: InetSocket, protocol: int, known: Known) -> None:
        """Tell of it with its owner, or at the second look without one; a third look may still serve its flow."""
        if not known.told and (known.owner or known.looks > 1):
            known.told = True
            self._tell(sock, protocol, known)
        if known.owner is None:
            self.unfinished |= not known.told or (sock.inode != 0 and known.looks < LOOKS)

    def _tell(self, sock: InetSocket, protocol: int, known: Known) -> None:
        if self._listens(sock, protocol):
            self._emit(events.listening(sock, protocol, known.owner, self._clock.wall()))
        elif sock.dst_port:
            known.direction = self._direction(sock, protocol)
            self._emit(events.connected(sock, protocol, known, self._clock.wall()))

    def _direction(self, sock: InetSocket, protocol: int) -> str:
        """Inbound where a listener has the local port; the kernel is asked where that is not known from dumps."""
        if sock.info is not None and events.was_opened_here(sock.info):
            return events.OUTBOUND
        if (protocol, sock.src_port) in self._listeners:
            return events.INBOUND
        if protocol != TCP or sock.info is None or not sock.dst_port or not self._served(sock):
            return events.OUTBOUND
        self._listeners[protocol, sock.src_port] = self._clock.monotonic()
        return events.INBOUND

    def _listens(self, sock: InetSocket, protocol: int) -> bool:
        if protocol == TCP:
            return sock.state == LISTEN
        return sock.state == CLOSE and sock.src_port != 0 and sock.src_port not in self._ephemeral

    def _hidden(self, sock: InetSocket) -> bool:
        """Loopback is left out unless asked for, DNS excepted: a local resolver sees what all containers ask."""
        if self._loopback or DNS in (sock.src_port, sock.dst_port):
            return False
        return is_loopback(sock.family, sock.src) or is_loopback(sock.family, sock.dst)

    def _fold(self, event: Event) -> None:
        """Ends of UDP sockets without a peer say little, so those of one process become one event a round."""
        key = event.process.entity if event.process else None
        before = self._folded.get(key)
        if before is not None:
            event = events.folded(event, before.count + 1)
        self._folded[key] = event
        if len(self._folded) >= MOST_FOLDED:
            self.flush()
