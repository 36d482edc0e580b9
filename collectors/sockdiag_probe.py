"""What NETLINK_SOCK_DIAG gives on this machine, found without looking at any socket."""

import os
from contextlib import closing

from collectors import netlink_socket
from collectors.inet_diag import TCP
from collectors.netlink_socket import KINDS, DestroyedSockets
from collectors.procfs import Procfs
from sensor.model.protocols import Capability, Status

SMALL_BUFFER = 1 << 20
END_BYTES = 1283
"""What the end of a TCP socket takes in the receive buffer, the kernel's overhead included (measured, Linux 6.18)."""


def answers() -> bool:
    """Whether open TCP sockets can be had by sock_diag: without them `network_sockdiag` cannot work at all."""
    return TCP not in _silent()


def probe(procfs: Procfs, receive_buffer: int) -> Capability:
    """Everything, no UDP, open sockets only, or nothing."""
    silent = _silent()
    if TCP in silent:
        return Capability(
            Status.UNAVAILABLE,
            "the kernel answers no sock_diag dump of TCP sockets",
            "a kernel with CONFIG_INET_DIAG, and a seccomp profile that allows AF_NETLINK",
        )
    try:
        with closing(DestroyedSockets(procfs, receive_buffer)) as ends:
            held = ends.receive_buffer
    except OSError as error:
        return Capability(
            Status.DEGRADED,
            f"open sockets only, no flows: the ends of sockets cannot be heard ({os.strerror(error.errno or 0)})",
            "a seccomp profile that allows binding NETLINK_SOCK_DIAG to its groups",
        )
    if silent:
        return Capability(
            Status.DEGRADED,
            "open UDP sockets are not seen: the kernel answers no sock_diag dump of UDP",
            "on the host: modprobe udp_diag",
        )
    return _by_buffer(held)


def _by_buffer(held: int) -> Capability:
    """`held` is in bytes and twice net.core.rmem_max at most (socket(7), SO_RCVBUF)."""
    if held >= SMALL_BUFFER:
        return Capability(Status.OK)
    return Capability(
        Status.OK,
        f"net.core.rmem_max allows {held // 2} bytes: of more than {held // END_BYTES} connections that end at once,"
        " the rest is counted, not told",
        "on the host: sysctl net.core.rmem_max=4194304",
    )


def _silent() -> set[int]:
    """The protocols whose dumps are not answered."""
    return {protocol for family, protocol in KINDS if not _answers(family, protocol)}


def _answers(family: int, protocol: int) -> bool:
    """Whether a dump in no state at all, which is empty and costs nothing, is answered."""
    try:
        for _ in netlink_socket.dump(family, protocol, states=0):
            pass
    except OSError:
        return False
    return True
