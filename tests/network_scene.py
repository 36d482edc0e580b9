"""The parts of the network collectors, wired among fakes: what `NetworkParts` is in the sensor."""

import socket
from typing import Protocol

from fakes import Emitted, FakeClock, FakeTaskView

from collectors.attribution import Attribution
from collectors.connection_attempts import ConnectionAttempts
from collectors.inet_diag import CLOSE, ESTABLISHED, LISTEN, TCP, UDP, InetSocket, TcpInfo, address_bytes
from collectors.late_reads import LateReads
from collectors.network_fold import NetworkFold
from collectors.network_storm import NetworkStorm
from collectors.network_telling import NetworkTelling
from collectors.network_tracker import NetworkTracker
from collectors.pace import OTHERS, CpuShare
from collectors.packet_headers import Segment
from collectors.proxies import Proxies
from collectors.socket_counts import Opened
from collectors.socket_table import Ends, SocketTable
from sensor.model.counters import Counters
from sensor.model.events import Network

CLOSED_BY_CLIENT = TcpInfo(40, 0, 102, 8, 100, 0)
CLOSED_BY_SERVER = TcpInfo(40, 0, 8, 101, 7, 0)


class FakeOwn:
    """The sensor's own sockets, as the test says."""

    def __init__(self) -> None:
        self.cookies: set[int] = set()
        self.inodes: set[int] = set()
        self.names: set[str] = set()
        self.asking: set[Ends] = set()
        self.looks = 0

    def look(self) -> None:
        self.looks += 1

    def has_cookie(self, cookie: int) -> bool:
        return cookie in self.cookies

    def has_inode(self, inode: int) -> bool:
        return inode in self.inodes

    def asks_for(self, name: str) -> bool:
        return name in self.names

    def asked_from(self, ends: Ends) -> None:
        self.asking.add(ends)

    def has_asked(self, ends: Ends) -> bool:
        return ends in self.asking


class FakeNames:
    """Names of addresses, as the test says."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def name(self, address: str, _now: float) -> str | None:
        return self.known.get(address)


class NetworkScene:
    """A tracker and attempts over one table. `sockets` is what the kernel answers to exact questions, by ends."""

    def __init__(self, loopback: bool = False, limit: int = 100, clock: FakeClock | None = None) -> None:
        self.task = FakeTaskView()
        self.emitted = Emitted()
        self.own = FakeOwn()
        self.names = FakeNames()
        self.counters = Counters()
        self.clock = clock or FakeClock()
        self.table = SocketTable(self.counters, limit)
        self.proxies = Proxies(self.clock)
        self.sockets: dict[Ends, InetSocket] = {}
        self.served_ports: set[int] = set()
        self.asked: list[int] = []
        self.resolvers: frozenset[str] | None = None
        self.opened: Opened | None = Opened(0, 0, 0)
        self.cpu_s = 0.0
        self.storm = storm_of(self)
        self.late = LateReads(self.clock)
        self.tapped = self.lossy = False
        self.caught_up = 0
        fold = NetworkFold(self.emitted, counters=self.counters, later=lambda *_: None, per_minute=None)
        self.telling = NetworkTelling(
            fold=fold, names=self.names, resolvers=lambda _container: self.resolvers, clock=self.clock
        )
        self.attribution = Attribution(
            task=self.task, find=self._find, own=self.own, counters=self.counters, clock=self.clock
        )
        self.attempts = ConnectionAttempts(
            table=self.table,
            telling=self.telling,
            attribution=self.attribution,
            counters=self.counters,
            clock=self.clock,
            late=self.late,
        )
        self.tracker = NetworkTracker(
            table=self.table,
            telling=self.telling,
            attribution=self.attribution,
            own=self.own,
            proxies=self.proxies,
            ending=self.attempts.ending,
            counters=self.counters,
            clock=self.clock,
            late=self.late,
            loopback=loopback,
            ephemeral=range(32768, 61000),
            served=self._served,
        )

    def catch_up(self) -> None:
        self.caught_up += 1

    def dump(self, *socks: InetSocket, whole: bool = True, forget: bool = False) -> None:
        """One full round."""
        self.tracker.begin()
        for one in socks:
            self.tracker.see(one, one.protocol or TCP)
        self.tracker.finish(whole=whole, forget=forget)
        while self.tracker.settle():
            pass
        self.clock.advance(1)

    def wait(self, seconds: float) -> None:
        """Let time pass, and settle what is due."""
        self.clock.advance(seconds)
        self.attempts.settle()

    def networks(self, kind: str) -> list[Network]:
        """The network parts of all events of a kind."""
        return [event.network for event in self.emitted.of(kind) if event.network is not None]

    def _served(self, one: InetSocket) -> bool:
        self.asked.append(one.src_port)
        return one.src_port in self.served_ports

    def _find(self, _family: int, _protocol: int, ends: Ends) -> InetSocket | None:
        listening = Ends(bytes(16), ends.src_port, bytes(16), 0)
        return self.sockets.get(ends) or self.sockets.get(listening)


class Stormy(Protocol):
    """What a storm asks: the kernel's counts, and the CPU that was used."""

    clock: FakeClock
    counters: Counters
    opened: Opened | None
    cpu_s: float


def storm_of(scene: Stormy) -> NetworkStorm:
    """With the share of one core."""
    return NetworkStorm(
        share=CpuShare(lambda: 1.0, OTHERS, scene.clock, used=lambda: scene.cpu_s),
        opened=lambda: scene.opened,
        counters=scene.counters,
        clock=scene.clock,
    )


def family_of(address: str) -> int:
    """By how it is written."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def sock(
    cookie: int = 1,
    inode: int = 100,
    state: int = ESTABLISHED,
    src: str = "192.0.2.1",
    src_port: int = 50000,
    dst: str = "198.51.100.7",
    dst_port: int = 443,
    protocol: int = TCP,
    info: TcpInfo | None = None,
) -> InetSocket:
    """An open socket."""
    ends = (src_port, dst_port, address_bytes(src), address_bytes(dst))
    return InetSocket(family_of(src), state, *ends, 0, cookie, 0, 0, 0, inode, protocol, info)


def listener(cookie: int = 50, port: int = 8080, src: str = "0.0.0.0", inode: int = 500) -> InetSocket:
    """A TCP socket that listens."""
    return sock(cookie, inode, LISTEN, src, port, "0.0.0.0" if "." in src else "::", 0)


def udp(
    cookie: int = 1, src_port: int = 50000, dst: str = "0.0.0.0", dst_port: int = 0, src: str = "0.0.0.0"
) -> InetSocket:
    """A UDP socket, connected where it has a destination."""
    return sock(cookie, 100 + cookie, ESTABLISHED if dst_port else CLOSE, src, src_port, dst, dst_port, UDP)


def ended(open_sock: InetSocket, info: TcpInfo | None = CLOSED_BY_CLIENT) -> InetSocket:
    """The same socket as the kernel tells its end."""
    return open_sock._replace(state=CLOSE, inode=0, info=info if open_sock.protocol == TCP else None)


def ends_of(one: InetSocket) -> Ends:
    """The ends of a socket."""
    return Ends(one.src, one.src_port, one.dst, one.dst_port)


def segment(one: InetSocket, flags: int, *, back: bool = False) -> Segment:
    """A segment of a connection, or one that comes back to it."""
    src, dst = (one.src, one.src_port), (one.dst, one.dst_port)
    if back:
        src, dst = dst, src
    return Segment(one.family, TCP, *src, *dst, flags, 1, b"", True)
