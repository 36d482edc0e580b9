"""From sockets to the queue: names and marks are added to what is told, and what comes too often is folded."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from collectors import network_events as events
from collectors.address_marks import DNS_BYPASS
from collectors.inet_diag import InetSocket
from collectors.network_fold import NetworkFold
from collectors.socket_table import OUTBOUND, Known, Owner
from sensor.model.clock import Clock
from sensor.model.events import Event, Timestamp

DNS = 53


class Moment(NamedTuple):
    """When something was: wall time in ns, and monotonic seconds."""

    wall: Timestamp
    monotonic: float


class Names(Protocol):
    """Names that DNS answers gave to addresses: `collectors.dns_names`."""

    def name(self, address: str, now: float) -> str | None: ...


Resolvers = Callable[[str | None], frozenset[str] | None]
"""The DNS servers that a container is configured to ask, None where that is not known: `collectors.resolvers`."""


class NetworkTelling:
    """What the collectors of the network have in common: everything that they tell goes through here."""

    def __init__(self, *, fold: NetworkFold, names: Names, resolvers: Resolvers, clock: Clock) -> None:
        self._fold = fold
        self._names = names
        self._resolvers = resolvers
        self._clock = clock

    def connect(self, known: Known, *, accepted: bool = True) -> None:
        """Announce a connection, once: open, refused, or still waiting for its answer."""
        known.told = True
        self._name(known)
        self.put(events.connected(known, self._clock.wall(), accepted=accepted))

    def now(self) -> Moment:
        """This moment, for what is told later."""
        return Moment(self._clock.wall(), self._clock.monotonic())

    def flow(self, sock: InetSocket, known: Known, moment: Moment, *, was_known: bool = True) -> None:
        """Tell that a socket ended then. `was_known` is false where it was heard of by its end only."""
        self._name(known)
        duration = None if known.since is None or known.ended_late else moment.monotonic - known.since
        self.put(events.ended(sock, known, duration, moment.wall, was_known=was_known))

    def listening(self, sock: InetSocket, protocol: int, owner: Owner | None) -> None:
        """Announce a socket that waits for others."""
        self.put(events.listening(sock, protocol, owner, self._clock.wall()))

    def put(self, event: Event) -> None:
        """Tell of the network, marked where somebody asks a DNS server that is not configured."""
        network = event.network
        if network is not None and network.dst_port == DNS and network.direction == OUTBOUND and network.dst:
            configured = self._resolvers(event.container.id if event.container else None)
            if configured is not None and network.dst not in configured:
                event = event._replace(network=network._replace(marks=(*network.marks, DNS_BYPASS)))
        self._fold.put(event)

    def flush(self) -> None:
        """Tell at once what was folded."""
        self._fold.flush()

    def _name(self, known: Known) -> None:
        """By what the destination was called when the connection was first told: a name may be forgotten later."""
        if known.hostname is not None or known.direction != OUTBOUND:
            return
        address = events.address_of(known.family, known.ends.dst)
        if address is not None:
            known.hostname = self._names.name(address, self._clock.monotonic())
