"""From sockets to events: what is new, who owns it, which way it goes, and what it carried when it ends. No I/O."""

from collections import deque
from collections.abc import Callable
from functools import partial

from collectors import network_events as events
from collectors.attribution import Attribution, Own
from collectors.inet_diag import CLOSE, LISTEN, SYN_SENT, TCP, UDP, InetSocket, is_loopback, is_unspecified
from collectors.late_reads import LateReads
from collectors.network_telling import DNS, NetworkTelling
from collectors.proxies import Proxies, is_service_connect
from collectors.socket_table import INBOUND, OUTBOUND, Known, SocketTable, known_of
from sensor.model.clock import Clock
from sensor.model.counters import Counters

LOOKS = 3
"""Searches for an owner, one a round; the event waits for the second, since a connection may not be accepted yet."""
REMEMBER_LISTENER_S = 60.0
"""So long a port counts as a listener's after the listener was seen last."""


class NetworkTracker:
    """Fed with the sockets of dumps (`begin`, `see`…, `finish`, `settle`…) and with destroyed ones (`end`).

    `served` asks the kernel whether a TCP listener serves a socket's local end. Ports in `ephemeral` are those that
    the kernel hands out by itself: an unconnected UDP socket on any other port is there to be found. `ending` is told
    of the end of connections that were seen from their first packet on, and how to tell it.
    """

    def __init__(
        self,
        *,
        table: SocketTable,
        telling: NetworkTelling,
        attribution: Attribution,
        own: Own,
        proxies: Proxies,
        ending: Callable[[Known, Callable[[], None]], None],
        counters: Counters,
        clock: Clock,
        late: LateReads,
        loopback: bool,
        ephemeral: range,
        served: Callable[[InetSocket], bool],
    ) -> None:
        self._table = table
        self._telling = telling
        self._attribution = attribution
        self._own = own
        self._proxies = proxies
        self._ending = ending
        self._counters = counters
        self._clock = clock
        self._late = late
        self._loopback = loopback
        self._ephemeral = ephemeral
        self._served = served
        self._listeners: dict[tuple[int, int], float] = {}
        self._unowned: deque[tuple[InetSocket, int, Known]] = deque()
        self._now = clock.monotonic()
        self.unfinished = False
        """Whether a round is worth its while though no socket came: an owner is still sought, or a dump failed."""
        self._watching = False  # whether the last round saw everything, so that what is new has only just begun
        self._revealed = False  # whether a proxy was found, whose connections were left out until then
        self._went_by = False

    def begin(self, *, full: bool = True, went_by: bool = False) -> None:
        """A round of dumps begins; `full` if it will show every socket, not only those that wait for others.

        `went_by`: connections may have begun unseen long before this round.
        """
        self._now = self._clock.monotonic()
        if full:
            self._table.begin()
            self._went_by, self._revealed = went_by or self._revealed, False
        self._unowned.clear()
        self.unfinished = False

    def see(self, sock: InetSocket, protocol: int) -> None:
        """A socket that is open now. Called for every socket in every round, so the known ones cost little."""
        if not sock.dst_port and self._listens(sock, protocol):
            self._listeners[protocol, sock.src_port] = self._now
            self._proxies.see(sock.src_port)
        known = self._table.touch(sock.cookie) or self._take_in(sock, protocol)
        if known is None or known.own:
            return
        known.established = protocol == TCP and sock.state not in (SYN_SENT, LISTEN)
        if (known.owner is None or known.evidence == events.RECENT) and known.looks < LOOKS:
            self._unowned.append((sock, protocol, known))

    def finish(self, *, whole: bool, forget: bool) -> int:
        """The dumps are through. `whole` if none failed; `forget` what they did not show, if its end is never told.

        How many connections were forgotten.
        """
        self._watching = whole and self._table.is_whole
        self.unfinished = not whole
        forgotten = self._table.forget_absent() if whole and forget else 0
        self._listeners = {k: at for k, at in self._listeners.items() if self._now - at < REMEMBER_LISTENER_S}
        if whole:
            self._proxies.forget_gone()
        if self._unowned:
            self._own.look()
        return forgotten

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
        protocol = UDP if sock.protocol == UDP else TCP
        known = self._table.pop(sock.cookie)
        told = known or known_of(sock, protocol, None)
        if known is None and protocol == TCP:
            known = self._table.pop_loose(told.ends)
        if known is None and (self._own.has_cookie(sock.cookie) or self._own.has_asked(told.ends)):
            self._counters.add("own_sockets")
            return
        told = known or told
        if told.own:
            return
        if self._hidden(sock) or (is_unspecified(told.ends.dst) and (protocol == TCP or not sock.src_port)):
            return  # also a listener, or a socket that was never used
        told.direction = told.direction or self._direction(sock, protocol)
        moment = self._telling.now()
        told.ended_late = told.since is not None and self._late.blur(told.since, moment.monotonic)
        if told.at is not None and protocol == TCP:
            told.established |= bool(sock.info and (sock.info.rtt_us or sock.info.bytes_acked))
            self._ending(told, partial(self._telling.flow, sock, told, moment))
        else:
            self._telling.flow(sock, told, moment, was_known=known is not None)

    def _take_in(self, sock: InetSocket, protocol: int) -> Known | None:
        if self._hidden(sock) and sock.state != LISTEN:
            return None
        is_new = self._watching and not (self._went_by and protocol == TCP)
        known = known_of(sock, protocol, self._now if is_new else None)
        if protocol == TCP and sock.dst_port:  # a listener is none of the connections from its port
            known = self._table.pop_loose(known.ends) or known
        known.shown = self._clock.monotonic()
        if not self._table.add(sock.cookie, known):
            return None
        if self._own.has_cookie(sock.cookie):
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
        self._attribution.find_owner(known, sock)
        if known.own:
            self._counters.add("own_sockets")

    def _consider(self, sock: InetSocket, protocol: int, known: Known) -> None:
        """Tell of it with its owner, or at the second look without one; a third look may still serve its flow."""
        if known.owner is not None and self._listens(sock, protocol):
            self._revealed |= self._proxies.learn(sock.src_port, known.owner.process.exe)
        if not known.told and (known.owner or known.looks > 1):
            known.told = True
            self._tell(sock, protocol, known)
        if known.owner is None:
            self.unfinished |= not known.told or (sock.inode != 0 and known.looks < LOOKS)

    def _tell(self, sock: InetSocket, protocol: int, known: Known) -> None:
        if self._listens(sock, protocol):
            if not self._hidden(sock):
                self._telling.listening(sock, protocol, known.owner)
        elif sock.dst_port:
            known.direction = known.direction or self._direction(sock, protocol)
            self._telling.connect(known, accepted=sock.inode != 0)

    def _direction(self, sock: InetSocket, protocol: int) -> str:
        """Inbound where a listener has the local port; the kernel is asked where that is not known from dumps."""
        if sock.info is not None and events.was_opened_here(sock.info):
            return OUTBOUND
        if (protocol, sock.src_port) in self._listeners:
            return INBOUND
        if protocol != TCP or sock.info is None or not sock.dst_port or not self._served(sock):
            return OUTBOUND
        self._listeners[protocol, sock.src_port] = self._clock.monotonic()
        return INBOUND

    def _listens(self, sock: InetSocket, protocol: int) -> bool:
        if protocol == TCP:
            return sock.state == LISTEN
        return sock.state == CLOSE and sock.src_port != 0 and sock.src_port not in self._ephemeral

    def _hidden(self, sock: InetSocket) -> bool:
        """Loopback is left out unless asked for, save for DNS (a local resolver sees what all ask) and for proxies."""
        ports = (sock.src_port, sock.dst_port)
        if self._loopback or DNS in ports or self._proxies.serve(ports):
            return False
        if not (is_loopback(sock.family, sock.src) or is_loopback(sock.family, sock.dst)):
            return False
        return not (is_service_connect(sock.family, sock.src) or is_service_connect(sock.family, sock.dst))
