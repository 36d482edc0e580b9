"""Listening sockets and open connections from dumps, and a flow at the end of every socket: no capability needed.

The kernel tells of each TCP and UDP socket that it destroys in the network namespace, with what a TCP connection
carried (`collectors.netlink_socket`). By then nobody owns it any more, so the owners come from dumps made every
second: a connection shorter than that has a flow, without its process. What the kernel could not hand over is counted
and told, exactly, and followed by a dump.
"""

import asyncio
import errno

from collectors import netlink_socket, network_events, sockdiag_probe
from collectors.inet_diag import Decoded, InetSocket
from collectors.netlink_socket import KINDS, RECEIVE_BUFFER, DestroyedSockets
from collectors.network_tracker import NetworkTracker
from collectors.own_sockets import OwnSockets
from collectors.procfs import Procfs
from collectors.socket_table import SocketTable
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.protocols import Capability, Emit, TaskView

PERIOD_S = 1.0
SHARE = 0.01
"""The part of one core that dumps may use: the more there is to dump, the rarer they become."""
SLICE_S = 0.005
"""Work longer than this gives way to the loop."""
HOLD_OFF_S = 0.02
"""Pause after a read of destroyed sockets, so that a storm does not wake us for each."""
READS = 256
"""Datagrams of destroyed sockets taken in one go, a few milliseconds' worth."""


class NetworkSockdiag:
    """`network.listen`, `network.connect` and `network.flow` by NETLINK_SOCK_DIAG."""

    name = "network_sockdiag"

    def __init__(
        self,
        *,
        counters: Counters,
        clock: Clock,
        procfs: Procfs | None = None,
        loopback: bool = False,
        receive_buffer: int = RECEIVE_BUFFER,
    ) -> None:
        """`loopback`: tell of connections over loopback too. `receive_buffer`: bytes that the kernel is asked for."""
        self._counters = counters
        self._clock = clock
        self._procfs = procfs or Procfs()
        self._loopback = loopback
        self._receive_buffer = receive_buffer

    def probe(self) -> Capability:
        """Whether dumps are answered and the ends of sockets can be heard."""
        return sockdiag_probe.probe(self._procfs, self._receive_buffer)

    async def run(self, task: TaskView, emit: Emit) -> None:
        """Watch the sockets of this network namespace until cancelled. Raises OSError where no dump is answered."""
        own = OwnSockets(self._procfs)
        own.watch()
        tracker = NetworkTracker(
            task=task,
            emit=emit,
            own=own,
            counters=self._counters,
            clock=self._clock,
            loopback=self._loopback,
            ephemeral=_ephemeral_ports(self._procfs),
            served=_served,
            table=SocketTable(self._counters),
        )
        ends = self._open_ends()
        try:
            await _Watch(tracker, ends, emit, self._counters, self._clock).run()
        finally:
            tracker.flush()
            if ends is not None:
                ends.close()

    def _open_ends(self) -> DestroyedSockets | None:
        """The stream of ends; None where it may not be heard, which `probe` has said."""
        try:
            return DestroyedSockets(self._procfs, self._receive_buffer)
        except PermissionError:
            self._counters.lost("network_ends_denied")
            return None


class _Watch:
    """One run: rounds of dumps, and the ends in between and during them."""

    def __init__(
        self, tracker: NetworkTracker, ends: DestroyedSockets | None, emit: Emit, counters: Counters, clock: Clock
    ) -> None:
        self._tracker = tracker
        self._ends = ends
        self._emit = emit
        self._counters = counters
        self._clock = clock
        self._slice = 0.0
        self._busy = 0.0
        self._lost_ends = ends is None  # then what a dump does not show has ended unheard

    async def run(self) -> None:
        """Dump, then listen until the next dump is due, for ever."""
        while True:
            began = self._clock.monotonic()
            await self._round()
            await self._listen_until(began + max(PERIOD_S, self._busy / SHARE))

    async def _round(self) -> None:
        """One dump of everything, then the owners of what is new. Each slice is followed by a turn of the loop."""
        self._busy, self._slice = 0.0, self._clock.monotonic()
        self._hear()
        self._see_losses()
        forget, self._lost_ends = self._lost_ends, self._ends is None
        self._tracker.begin()
        failed = [error for kind in KINDS if (error := await self._dump(*kind)) is not None]
        if len(failed) == len(KINDS):
            raise failed[0]
        self._tracker.finish(whole=not failed, forget=forget)
        while self._tracker.settle():
            await self._give_way()
        self._busy += self._clock.monotonic() - self._slice

    async def _dump(self, family: int, protocol: int) -> OSError | None:
        try:
            for decoded in netlink_socket.dump(family, protocol):
                self._count(decoded)
                for sock in decoded.sockets:
                    self._tracker.see(sock, protocol)
                await self._give_way()
        except OSError as error:
            if error.errno != errno.ENOENT:  # the kernel lacks the protocol, which `probe` has said
                self._counters.lost("network_dump_failed")
            return error
        return None

    async def _give_way(self) -> None:
        now = self._clock.monotonic()
        if now - self._slice < SLICE_S:
            return
        self._busy += now - self._slice
        await asyncio.sleep(0)
        self._slice = self._clock.monotonic()
        self._hear()

    async def _listen_until(self, due: float) -> None:
        """Follow the ends until the next round is due, or until some were lost: then the round is due at once."""
        while (wait := due - self._clock.monotonic()) > 0 and not (self._lost_ends and self._ends):
            if self._ends is None:
                await asyncio.sleep(wait)
                return
            if not await _readable(self._ends.fileno(), wait):
                return
            await asyncio.sleep(0 if self._hear() else HOLD_OFF_S)

    def _hear(self) -> bool:
        """Take a bounded number of ends; True when there may be more."""
        if self._ends is None:
            return False
        for _ in range(READS):
            decoded = self._ends.receive()
            if decoded is None:
                self._see_losses()
                self._ends.overflowed = False
                return False
            self._count(decoded)
            for sock in decoded.sockets:
                self._tracker.end(sock)
        return True

    def _see_losses(self) -> None:
        """Tell what did not fit into the receive buffer; the kernel goes on dropping until all of it has been read."""
        if self._ends is None or not self._ends.overflowed:
            return
        self._lost_ends = True
        count = self._ends.newly_dropped()
        if count != 0:
            self._counters.lost("netlink_overflow", count or 1)
            self._emit(network_events.lost("netlink_overflow", count, NetworkSockdiag.name, self._clock.wall()))

    def _count(self, decoded: Decoded) -> None:
        if decoded.malformed:
            self._counters.lost("netlink_malformed", decoded.malformed)


def _served(sock: InetSocket) -> bool:
    try:
        return netlink_socket.served(sock.family, sock.src, sock.src_port)
    except OSError:
        return False  # no answer: the direction is then told as outbound, as for any port without a listener


def _ephemeral_ports(procfs: Procfs) -> range:
    """The ports that the kernel hands out by itself (ip(7)); its own default where they cannot be read."""
    try:
        first, last = procfs.read("sys/net/ipv4/ip_local_port_range", 64).split()
        return range(int(first), int(last) + 1)
    except (ProcessGone, AccessDenied, ValueError):
        return range(32_768, 61_000)


async def _readable(fd: int, wait: float) -> bool:
    """Wait until there is something to read; False when `wait` seconds are over."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[bool] = loop.create_future()

    def resolve(value: bool) -> None:
        if not found.done():
            found.set_result(value)

    loop.add_reader(fd, resolve, True)
    timer = loop.call_later(wait, resolve, False)
    try:
        return await found
    finally:
        timer.cancel()
        loop.remove_reader(fd)
