"""In a new network namespace even loopback is down."""

import socket
import struct
from fcntl import ioctl

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def loopback_up() -> None:
    """As `ip link set lo up` does (netdevice(7))."""
    with socket.socket(type=socket.SOCK_DGRAM) as asking:
        request = ioctl(asking, SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        (flags,) = struct.unpack_from("16xh", request)
        ioctl(asking, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))
