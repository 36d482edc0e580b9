"""Listening sockets and open connections from dumps, and a flow at the end of every socket: no capability needed.

The kernel tells of each TCP and UDP socket that it destroys in the network namespace, with what a TCP connection
carried (`collectors.netlink_socket`). By then nobody owns it any more, so the owners come from dumps made every
second: a connection shorter than that has a flow, without its process. What the kernel could not hand over is counted
and told, exactly, and followed by a dump.
"""

from functools import partial

from collectors import netlink_socket, sockdiag_probe
from collectors.inet_diag import InetSocket
from collectors.netlink_socket import RECEIVE_BUFFER, DestroyedSockets
from collectors.network_tracker import NetworkTracker
from collectors.network_watch import NetworkWatch
from collectors.own_sockets import OwnSockets
from collectors.procfs import Procfs
from collectors.socket_counts import counts
from collectors.socket_table import SocketTable
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.protocols import Capability, Emit, TaskView


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
            await NetworkWatch(
                tracker=tracker,
                dump=netlink_socket.dump,
                ends=ends,
                counts=partial(counts, self._procfs),
                emit=emit,
                counters=self._counters,
                clock=self._clock,
                source=self.name,
            ).run()
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
