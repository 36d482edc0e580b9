"""What of the network is skipped in a storm, and the kernel's filters for it: whatever has a certain server at an end.

A server is the end that others connect to, the task's own or one beyond it. Both directions of its connections are
skipped, so that neither their packets nor their ends wake us or are copied for us.
"""

import socket
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from collectors import bpf
from collectors.bpf import EQUAL, LOAD_BYTE, LOAD_HALF, LOAD_HALF_X, LOAD_WORD, RETURN, Item, Step
from collectors.inet_diag import MAPPED, TCP, address_text, unmapped

DNS = 53

_MESSAGE = 16
"""Where inet_diag_msg begins, after nlmsghdr."""
_PORTS = _MESSAGE + 4, _MESSAGE + 6
_ADDRESSES = _MESSAGE + 8, _MESSAGE + 24
_PROTOCOL = _MESSAGE + 72 + 4
"""Of the first attribute, INET_DIAG_PROTOCOL (net/ipv4/inet_diag.c, inet_diag_handler_get_info), its one byte."""


class Server(NamedTuple):
    """Addresses are 16 bytes, as in `inet_diag.InetSocket`; none is an IPv4 address mapped into IPv6."""

    family: int
    address: bytes
    port: int

    def __str__(self) -> str:
        return f"{address_text(self.family, self.address)} port {self.port}"


class Skip(NamedTuple):
    """What is skipped; empty where all is followed."""

    servers: frozenset[Server] = frozenset()
    everything: bool = False

    def __bool__(self) -> bool:
        return self.everything or bool(self.servers)

    @property
    def datagrams(self) -> bool:
        """Whether there may be datagrams in it: of a server they are skipped only where it is one of DNS."""
        return self.everything or any(server.port == DNS for server in self.servers)


FOLLOW_ALL = Skip()


def server(family: int, address: bytes, port: int) -> Server:
    """One end of a connection, as the server that it may be."""
    return Server(*unmapped(family, address), port)


def of_packets(family: int, skip: Skip, header: int) -> list[Item]:
    """Drops a packet of that family, with X at its transport header; goes on where it is another.

    `header`: where the addresses are in the network header.
    """
    length = 4 if family == socket.AF_INET else 16
    return [
        step
        for server in sorted(skip.servers)
        if server.family == family
        for end in (0, 1)
        for step in _dropped(server.address[:length], header + end * length, Step(LOAD_HALF_X, 2 * end), server.port)
    ]


def of_ends(skip: Skip) -> bytes:
    """The filter of the stream of destroyed sockets, each of them one message that begins with nlmsghdr and
    inet_diag_msg (include/uapi/linux/inet_diag.h). A socket for IPv6 may have had a connection by IPv4."""
    if skip.everything:
        return bpf.NOTHING
    tcp: list[Item] = [Step(LOAD_BYTE, _PROTOCOL), Step(EQUAL, TCP, "tcp"), Step(RETURN, bpf.WHOLE), "tcp"]
    dns = {server for server in skip.servers if server.port == DNS}
    return bpf.assembled([*_ends_at(dns), *tcp, *_ends_at(skip.servers - dns), Step(RETURN, bpf.WHOLE)])


def _ends_at(servers: Iterable[Server]) -> Iterator[Item]:
    for family, address, port in sorted(servers):
        for written in (address, MAPPED + address[:4]) if family == socket.AF_INET else (address,):
            for end in (0, 1):
                yield from _dropped(written, _ADDRESSES[end], Step(LOAD_HALF, _PORTS[end]), port)


def _dropped(address: bytes, address_at: int, load_port: Step, port: int) -> Iterator[Item]:
    """Drop where this end has this address and port."""
    another = f"not {address.hex()} {port} at {address_at}"
    for n, (word,) in enumerate(struct.iter_unpack("!I", address)):
        yield Step(LOAD_WORD, address_at + 4 * n)
        yield Step(EQUAL, word, None, another)
    yield load_port
    yield Step(EQUAL, port, None, another)
    yield Step(RETURN, 0)
    yield another
