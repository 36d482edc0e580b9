"""The kernel's side of the taps: classic BPF that passes only what opens, answers or breaks a connection, and DNS.

On a SOCK_DGRAM socket a packet begins with its network header. Only the first fragment of a fragmented packet is
passed, and behind IPv6 extension headers nothing but DNS over UDP in such a fragment.
"""

import socket
from collections.abc import Callable, Sequence
from typing import NamedTuple

from collectors import bpf
from collectors.bpf import (
    ALWAYS,
    AND,
    ANY_BIT,
    BESIDE,
    EQUAL,
    HEADER_LENGTH_TO_X,
    IMMEDIATE_TO_X,
    LOAD_BYTE,
    LOAD_BYTE_X,
    LOAD_HALF,
    LOAD_HALF_X,
    LOAD_WORD,
    RETURN,
    Item,
    Step,
)  # fmt: skip
from collectors.network_skip import DNS, FOLLOW_ALL, Skip, of_packets
from collectors.packet_headers import FRAGMENT

SYN, RST, ACK = 0x02, 0x04, 0x10
"""TCP flags (RFC 9293)."""
OUTGOING = 4
"""PACKET_OUTGOING, how packet(7) marks what this machine sends."""
HEADERS = 128
"""Bytes that are passed of a segment without DNS: its headers, with any options."""
WHOLE = 0xFFFF
MOST_PORTS = 64
"""Ports of proxies that one filter compares with: jumps reach 255 instructions."""

_ETH_IP, _ETH_IPV6 = 0x0800, 0x86DD
_PROTOCOL, _PACKET_TYPE, _INTERFACE = BESIDE, BESIDE + 4, BESIDE + 8

_IPV6_HEADER = 40
_SERVICE_CONNECT = 0x7FFF0000  # 127.255.0.0/16


class Loopback(NamedTuple):
    """What of loopback is passed: all of it, or only what goes to or from these ports, beside DNS.

    `interface` is the number of `lo`. Whatever goes over it may be seen twice, so only the copy that is received is
    passed: the other one costs who sends it more, and a tap can do without (docs/adr/0008).
    """

    interface: int
    everything: bool = False
    ports: frozenset[int] = frozenset()


Tcp = Callable[[str, Loopback], list[Item]]
"""What is passed of TCP, for each family."""


def openings(loopback: Loopback, skip: Skip = FOLLOW_ALL) -> bytes:
    """Passes SYN without ACK, from Service Connect also with it, and DNS both ways over UDP and TCP."""
    return _assembled(loopback, skip, _opening_tcp, _dns_in_first_fragment())


def answers(loopback: Loopback, skip: Skip = FOLLOW_ALL) -> bytes:
    """Passes SYN with ACK, and RST."""
    return _assembled(loopback, skip, _answering_tcp, [])


def _assembled(loopback: Loopback, skip: Skip, tcp: Tcp, fragment: list[Item]) -> bytes:
    return bpf.NOTHING if skip.everything else bpf.assembled(_program(loopback, skip, tcp, fragment))


def _program(loopback: Loopback, skip: Skip, tcp: Tcp, fragment: list[Item]) -> list[Item]:
    """Both families; of loopback the copy that is received. `fragment` looks at fragments of IPv6."""
    return [
        Step(LOAD_WORD, _INTERFACE),
        Step(EQUAL, loopback.interface, None, "family"),
        Step(LOAD_WORD, _PACKET_TYPE),
        Step(EQUAL, OUTGOING, "drop 4"),
        "family",
        Step(LOAD_WORD, _PROTOCOL),
        Step(EQUAL, _ETH_IP, "4"),
        Step(EQUAL, _ETH_IPV6, None, "drop 4"),
        Step(ALWAYS, yes="6"),
        "4",
        Step(LOAD_HALF, 6),
        Step(ANY_BIT, 0x1FFF, "drop 4"),
        Step(HEADER_LENGTH_TO_X, 0),
        *of_packets(socket.AF_INET, skip, 12),
        Step(LOAD_BYTE, 9),
        *_transport("4", tcp, loopback),
        "6",
        *fragment,
        Step(IMMEDIATE_TO_X, _IPV6_HEADER),
        *of_packets(socket.AF_INET6, skip, 8),
        Step(LOAD_BYTE, 6),
        *_transport("6", tcp, loopback),
    ]  # fmt: skip


def _dns_in_first_fragment() -> list[Item]:
    """What is skipped goes by later, without a filter: such fragments are rare."""
    return [
        Step(LOAD_BYTE, 6),
        Step(EQUAL, FRAGMENT, None, "no fragment"),
        Step(LOAD_HALF, 42),
        Step(ANY_BIT, 0xFFF8, "other fragment"),
        Step(LOAD_BYTE, 40),
        Step(EQUAL, socket.IPPROTO_UDP, None, "other fragment"),
        Step(LOAD_HALF, 48),
        Step(EQUAL, DNS, "fragment"),
        Step(LOAD_HALF, 50),
        Step(EQUAL, DNS, "fragment"),
        "other fragment",
        Step(RETURN, 0),
        "fragment",
        Step(RETURN, WHOLE),
        "no fragment",
    ]


def _transport(family: str, tcp: Tcp, loopback: Loopback) -> list[Item]:
    """With the protocol's number loaded, and X at the transport header."""
    return [
        Step(EQUAL, socket.IPPROTO_TCP, f"tcp {family}"),
        Step(EQUAL, socket.IPPROTO_UDP, f"udp {family}", f"drop {family}"),
        *tcp(family, loopback),
        f"headers {family}",
        Step(RETURN, HEADERS),
        f"whole {family}",
        Step(RETURN, WHOLE),
        f"drop {family}",
        Step(RETURN, 0),
    ]


def _opening_tcp(family: str, loopback: Loopback) -> list[Item]:
    return [
        f"tcp {family}",
        Step(LOAD_BYTE_X, 13),
        Step(AND, SYN | RST | ACK),
        Step(EQUAL, SYN, f"wanted {family}"),
        *(_redirected() if family == "4" else []),
        f"udp {family}",
        *_either_port((DNS,), f"whole {family}", f"drop {family}"),
        f"wanted {family}",
        *_wanted(family, loopback),
    ]


def _redirected() -> list[Item]:
    """Netfilter gives a SYN to Service Connect the proxy's address; only the answer comes from the one that was asked
    (`ConnectionAttempts.redirected`)."""
    return [
        Step(EQUAL, SYN | ACK, None, "udp 4"),
        Step(LOAD_WORD, 12),
        Step(AND, 0xFFFF0000),
        Step(EQUAL, _SERVICE_CONNECT, "headers 4"),
    ]


def _answering_tcp(family: str, loopback: Loopback) -> list[Item]:
    return [
        f"udp {family}",
        Step(RETURN, 0),
        f"tcp {family}",
        Step(LOAD_BYTE_X, 13),
        Step(ANY_BIT, RST, f"wanted {family}"),
        Step(AND, SYN | ACK),
        Step(EQUAL, SYN | ACK, None, f"drop {family}"),
        f"wanted {family}",
        *_wanted(family, loopback),
    ]


def _wanted(family: str, loopback: Loopback) -> list[Item]:
    """Everything that is not loopback; of loopback what is asked for, and what goes to Service Connect or a proxy."""
    if loopback.everything:
        return []
    return [
        Step(LOAD_WORD, _INTERFACE),
        Step(EQUAL, loopback.interface, None, f"headers {family}"),
        *(_service_connect() if family == "4" else []),
        *_either_port(sorted({*loopback.ports, DNS})[:MOST_PORTS], f"headers {family}", f"drop {family}"),
    ]


def _service_connect() -> list[Item]:
    """The addresses that ECS Service Connect gives to other services, as source or as destination."""
    return [
        item
        for offset in (12, 16)
        for item in (
            Step(LOAD_WORD, offset),
            Step(AND, 0xFFFF0000),
            Step(EQUAL, _SERVICE_CONNECT, "headers 4"),
        )
    ]


def _either_port(ports: Sequence[int], found: str, otherwise: str) -> list[Item]:
    """Go to `found` where the source or the destination port is one of these."""
    return [
        *(
            item
            for offset in (0, 2)
            for item in (Step(LOAD_HALF_X, offset), *(Step(EQUAL, port, found) for port in ports))
        ),
        Step(ALWAYS, yes=otherwise),
    ]
