"""Packet sockets that hand over only what their filter passes, and count what they had no room for (packet(7)).

They need NET_RAW, which is among the default capabilities of containers. There is one for each interface: one for all
would have the kernel copy whatever is sent over loopback (docs/adr/0008). Each is bound to every protocol, since only
then the kernel shows what is sent as well as what is received (net/core/dev.c, dev_queue_xmit_nit).
"""

import ctypes
import errno
import os
import select
import socket
import struct
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from collectors import bpf, interfaces
from collectors.interfaces import LOOPBACK, Interfaces
from collectors.packet_filter import OUTGOING

ETH_P_ALL = 0x0003
RECEIVE_BUFFER = 4 << 20
"""Bytes asked for, for each interface; the kernel gives at most net.core.rmem_max, and counts its own overhead by
doubling it."""
LONGEST = 0xFFFF
_SO_TIMESTAMPNS = 35  # socket(7) of times; the control message has the same number
_TIMESPEC = struct.Struct("@ll")
_BESIDE_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)
_PACKET_STATISTICS = 6
_PACKET_IGNORE_OUTGOING = 23
_SOL_PACKET = 263
_libc = ctypes.CDLL(None, use_errno=True)


class Packet(NamedTuple):
    """From its network header on; whether it was sent from here, over which interface it went, and when.

    What goes over loopback was sent from here, though it is the copy that is received.

    `time` is wall time in ns, as the kernel stamped it when the packet came by; None where it did not.
    """

    data: bytes
    sent: bool
    interface: str
    time: int | None = None


class _Tapped(NamedTuple):
    """One interface, by its number, and the socket that is bound to it."""

    interface: int
    socket: socket.socket


class PacketTap:
    """Packets in the order in which they came over each interface. Closing it releases the descriptors."""

    def __init__(self, filter_code: bytes, receive_buffer: int = RECEIVE_BUFFER) -> None:
        """Raises OSError: EPERM without NET_RAW."""
        self._code = filter_code
        self._receive_buffer = receive_buffer
        self._tapped: dict[int, _Tapped] = {}  # by descriptor
        self._gave: set[int] = set()  # descriptors: a packet finds no room only while others wait
        self._left: deque[Packet] = deque()  # of interfaces that are gone, as the next is
        self._dropped = 0
        self._waiting = select.epoll()
        self._interfaces = Interfaces()
        self._notices = self._interfaces.fileno()
        try:
            if self._notices is not None:
                self._waiting.register(self._notices, select.EPOLLIN)
            self._follow()
        except OSError:
            self.close()
            raise

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._waiting.fileno()

    def filter(self, code: bytes) -> None:
        """Pass what this filter passes from now on. Raises OSError where the kernel refuses it."""
        self._code = code
        for tapped in self._tapped.values():
            bpf.attach(tapped.socket, code)

    def receive(self) -> Packet | None:
        """The next packet; None when there is none. That is asked first: the error of a vain read costs more."""
        while not self._left:
            ready = self._waiting.poll(0, 1)
            if not ready:
                return None
            (descriptor, _events) = ready[0]
            if descriptor == self._notices:
                self._interfaces.take_notices()
                self._follow()
            elif (packet := self._received(descriptor)) is not None:
                return packet
        return self._left.popleft()

    def newly_dropped(self) -> int:
        """Packets that passed the filter and found no room, since this was asked last."""
        dropped = self._dropped + sum(_newly_dropped(self._tapped[descriptor].socket) for descriptor in self._gave)
        self._dropped = 0
        self._gave.clear()
        return dropped

    def close(self) -> None:
        """Release the descriptors. Safe to call twice."""
        for tapped in self._tapped.values():
            tapped.socket.close()
        self._interfaces.close()
        self._waiting.close()

    def _follow(self) -> None:
        """Whatever interfaces there are now."""
        there = self._interfaces.numbers()
        for descriptor, tapped in list(self._tapped.items()):
            if tapped.interface not in there:
                self._leave(descriptor)
        for number in there - {tapped.interface for tapped in self._tapped.values()}:
            self._join(number)

    def _join(self, number: int) -> None:
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        tapped = socket.socket(socket.AF_PACKET, kind, 0)  # protocol 0: nothing comes before the filter is there
        try:
            tapped.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
            tapped.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            if number == interfaces.loopback():
                tapped.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            bpf.attach(tapped, self._code)
            _bind(tapped, number)
            self._waiting.register(tapped, select.EPOLLIN)
        except OSError as error:
            tapped.close()
            if error.errno != errno.ENODEV:  # went while we came
                raise
        else:
            self._tapped[tapped.fileno()] = _Tapped(number, tapped)

    def _leave(self, descriptor: int) -> None:
        with suppress(BlockingIOError):
            while True:
                self._left.extend(filter(None, [self._received(descriptor)]))
        tapped = self._tapped.pop(descriptor).socket
        self._dropped += _newly_dropped(tapped)
        self._gave.discard(descriptor)
        tapped.close()  # which takes it out of what is waited on

    def _received(self, descriptor: int) -> Packet | None:
        try:
            data, beside, _flags, address = self._tapped[descriptor].socket.recvmsg(LONGEST, _BESIDE_BYTES)
        except OSError as error:
            if error.errno != errno.ENETDOWN:  # told once when it is taken down; what it will get is still ours
                raise
            return None
        self._gave.add(descriptor)
        interface, _protocol, kind, _hardware, _address = address
        return Packet(data, kind == OUTGOING or interface == LOOPBACK, interface, _stamp(beside))


def _bind(to: socket.socket, number: int) -> None:
    """To one interface and every protocol, which Python's own `bind` has no word for."""
    address = struct.pack("=H", socket.AF_PACKET) + struct.pack("!H", ETH_P_ALL) + struct.pack("=i12x", number)
    if _libc.bind(to.fileno(), address, len(address)) < 0:  # struct sockaddr_ll
        found = ctypes.get_errno()
        raise OSError(found, os.strerror(found))


def _newly_dropped(tapped: socket.socket) -> int:
    """Reading the count sets it back."""
    statistics = tapped.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
    return int(struct.unpack("=II", statistics)[1])


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
