"""Listening sockets and open connections from dumps, and a flow at the end of every socket: no capability needed.

The kernel tells of each TCP and UDP socket that it destroys in the network namespace, with what a TCP connection
carried (`collectors.netlink_socket`). By then nobody owns it any more: the owner is known from the connection's first
packet where `network_taps` runs, else from dumps made every second. What the kernel could not hand over is counted and
told, exactly, and followed by a dump.
"""

from functools import partial

from collectors import netlink_socket, sockdiag_probe
from collectors.netlink_socket import RECEIVE_BUFFER, DestroyedSockets
from collectors.network_skip import of_ends
from collectors.network_state import NetworkState
from collectors.network_watch import NetworkWatch
from collectors.socket_counts import counts
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.protocols import Capability, Emit, TaskView


class NetworkSockdiag:
    """`network.listen`, `network.connect` and `network.flow` by NETLINK_SOCK_DIAG."""

    name = "network_sockdiag"

    def __init__(
        self, *, state: NetworkState, counters: Counters, clock: Clock, receive_buffer: int = RECEIVE_BUFFER
    ) -> None:
        """`receive_buffer`: bytes that the kernel is asked for."""
        self._state = state
        self._procfs = state.procfs
        self._counters = counters
        self._clock = clock
        self._receive_buffer = receive_buffer

    def probe(self) -> Capability:
        """Whether dumps are answered and the ends of sockets can be heard."""
        return sockdiag_probe.probe(self._procfs, self._receive_buffer)

    async def run(self, task: TaskView, emit: Emit) -> None:
        """Watch the sockets of this network namespace until cancelled. Raises OSError where no dump is answered."""
        parts = self._state.parts(task, emit)
        ends = self._open_ends()

        def renew() -> None:
            if ends is not None:
                ends.filter(of_ends(parts.storm.skip))

        parts.storm.listen(renew)
        parts.storm.hear_ends(ends is not None)
        try:
            await NetworkWatch(
                parts=parts,
                dump=netlink_socket.dump,
                ends=ends,
                counts=partial(counts, self._procfs),
                counters=self._counters,
                clock=self._clock,
                source=self.name,
            ).run()
        finally:
            parts.storm.unlisten(renew)
            parts.release()
            parts.storm.hear_ends(False)
            if ends is not None:
                ends.close()

    def _open_ends(self) -> DestroyedSockets | None:
        """The stream of ends; None where it may not be heard, which `probe` has said."""
        try:
            return DestroyedSockets(self._procfs, self._receive_buffer)
        except PermissionError:
            self._counters.lost("network_ends_denied")
            return None
