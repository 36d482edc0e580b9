"""A packet socket that hands over only what its filter passes, and counts what it had no room for (packet(7)).

It needs NET_RAW, which is among the default capabilities of containers. It is bound to every protocol, since only
then the kernel shows what is sent as well as what is received (net/core/dev.c, dev_queue_xmit_nit).
"""

import ctypes
import os
import select
import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

from collectors import bpf
from collectors.packet_filter import OUTGOING

ETH_P_ALL = 0x0003
RECEIVE_BUFFER = 4 << 20
"""Bytes asked for; the kernel gives at most net.core.rmem_max, and counts its own overhead by doubling it."""
LONGEST = 0xFFFF
_SO_TIMESTAMPNS = 35  # socket(7) of times; the control message has the same number
_TIMESPEC = struct.Struct("@ll")
_BESIDE_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)
_PACKET_STATISTICS = 6
_SOL_PACKET = 263
_libc = ctypes.CDLL(None, use_errno=True)


class Packet(NamedTuple):
    """From its network header on; whether it was sent from here, over which interface it went, and when.

    `time` is wall time in ns, as the kernel stamped it when the packet came by; None where it did not.
    """

    data: bytes
    sent: bool
    interface: str
    time: int | None = None


class PacketTap:
    """Packets in the order in which they came. Closing it releases the descriptor."""

    def __init__(self, filter_code: bytes, receive_buffer: int = RECEIVE_BUFFER) -> None:
        """Raises OSError: EPERM without NET_RAW."""
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_PACKET, kind, 0)  # protocol 0: nothing comes before the filter is there
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self.filter(filter_code)
            self._bind()
            self._waiting = select.poll()
            self._waiting.register(self._socket, select.POLLIN)
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._socket.fileno()

    def filter(self, code: bytes) -> None:
        """Pass what this filter passes from now on. Raises OSError where the kernel refuses it."""
        bpf.attach(self._socket, code)

    def _bind(self) -> None:
        """To every interface, which Python's own `bind` has no word for."""
        address = struct.pack("=H", socket.AF_PACKET) + struct.pack("!H", ETH_P_ALL) + bytes(16)  # struct sockaddr_ll
        if _libc.bind(self._socket.fileno(), address, len(address)) < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def receive(self) -> Packet | None:
        """The next packet; None when there is none. That is asked first: the error of a vain read costs more."""
        if not self._waiting.poll(0):
            return None
        data, beside, _flags, address = self._socket.recvmsg(LONGEST, _BESIDE_BYTES)
        interface, _protocol, kind, _hardware, _address = address
        return Packet(data, kind == OUTGOING, interface, _stamp(beside))

    def newly_dropped(self) -> int:
        """Packets that passed the filter and found no room, since this was asked last."""
        statistics = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        return int(struct.unpack("=II", statistics)[1])

    def close(self) -> None:
        """Release the descriptor. Safe to call twice."""
        self._socket.close()


def _stamp(beside: Sequence[tuple[int, int, bytes]]) -> int | None:
    """The time in a packet's control messages, in ns since 1970."""
    for level, kind, data in beside:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(data) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return None


def probe() -> None:
    """Open a tap that passes nothing, and close it. Raises OSError where none can be had."""
    PacketTap(bpf.NOTHING).close()
