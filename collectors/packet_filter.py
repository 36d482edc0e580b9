"""The kernel's side of the taps: classic BPF that passes only what opens, answers or breaks a connection, and DNS.

The machine and its codes are in Documentation/networking/filter.rst, the loads of facts beside the packet
(`SKF_AD_*`) in include/uapi/linux/filter.h. On a SOCK_DGRAM socket a packet begins with its network header. Only the
first fragment of a fragmented packet is passed, and no TCP behind IPv6 extension headers.
"""

import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

SYN, RST, ACK = 0x02, 0x04, 0x10
"""TCP flags (RFC 9293)."""
DNS = 53
OUTGOING = 4
"""PACKET_OUTGOING, how packet(7) marks what this machine sends."""
HEADERS = 128
"""Bytes that are passed of a segment without DNS: its headers, with any options."""
WHOLE = 0xFFFF
MOST_PORTS = 64
"""Ports of proxies that one filter compares with: jumps reach 255 instructions."""

_ETH_IP, _ETH_IPV6 = 0x0800, 0x86DD
_BESIDE = 0xFFFFF000  # SKF_AD_OFF
_PROTOCOL, _PACKET_TYPE, _INTERFACE = _BESIDE, _BESIDE + 4, _BESIDE + 8

_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE = 0x20, 0x28, 0x30
_LOAD_HALF_X, _LOAD_BYTE_X = 0x48, 0x50
_HEADER_LENGTH_TO_X, _IMMEDIATE_TO_X = 0xB1, 0x01
_AND = 0x54
_EQUAL, _ANY_BIT, _ALWAYS, _RETURN = 0x15, 0x45, 0x05, 0x06
_INSTRUCTION = struct.Struct("=HBBI")

_IPV6_HEADER = 40
_SERVICE_CONNECT = 0x7FFF0000  # 127.255.0.0/16


class _Step(NamedTuple):
    """One instruction; jumps name the label that they go to, None for the next instruction."""

    code: int
    k: int = 0
    yes: str | None = None
    no: str | None = None


_Item = _Step | str
"""An instruction, or the label of the next one."""


class Loopback(NamedTuple):
    """What of loopback is passed: all of it, or only what goes to or from these ports, beside DNS.

    `interface` is the number of `lo`. Whatever is sent over it is seen twice, so only one copy is passed.
    """

    interface: int
    everything: bool = False
    ports: frozenset[int] = frozenset()


def openings(loopback: Loopback) -> bytes:
    """Passes SYN without ACK, and DNS both ways over UDP and TCP."""
    return assembled(_program(loopback, _opening_tcp))


def answers(loopback: Loopback) -> bytes:
    """Passes SYN with ACK, and RST."""
    return assembled(_program(loopback, _answering_tcp))


def assembled(items: Iterable[_Item]) -> bytes:
    """The instructions as the kernel wants them (struct sock_filter). Raises ValueError for a jump that is too far."""
    steps: list[_Step] = []
    places: dict[str, int] = {}
    for item in items:
        if isinstance(item, str):
            places[item] = len(steps)
        else:
            steps.append(item)
    return b"".join(_encoded(step, number, places) for number, step in enumerate(steps))


def _encoded(step: _Step, number: int, places: dict[str, int]) -> bytes:
    yes, no = (places[label] - number - 1 if label else 0 for label in (step.yes, step.no))
    if step.code == _ALWAYS:
        return _INSTRUCTION.pack(step.code, 0, 0, yes)
    if not (0 <= yes <= 255 and 0 <= no <= 255):
        raise ValueError(f"instruction {number} jumps too far: the filter compares with too many ports")
    return _INSTRUCTION.pack(step.code, yes, no, step.k)


def _program(loopback: Loopback, tcp: Callable[[str, Loopback], list[_Item]]) -> list[_Item]:
    """Both families; of loopback the copy that is sent."""
    return [
        _Step(_LOAD_WORD, _INTERFACE),
        _Step(_EQUAL, loopback.interface, None, "family"),
        _Step(_LOAD_WORD, _PACKET_TYPE),
        _Step(_EQUAL, OUTGOING, None, "drop 4"),
        "family",
        _Step(_LOAD_WORD, _PROTOCOL),
        _Step(_EQUAL, _ETH_IP, "4"),
        _Step(_EQUAL, _ETH_IPV6, None, "drop 4"),
        _Step(_ALWAYS, yes="6"),
        "4",
        _Step(_LOAD_HALF, 6),
        _Step(_ANY_BIT, 0x1FFF, "drop 4"),
        _Step(_HEADER_LENGTH_TO_X, 0),
        _Step(_LOAD_BYTE, 9),
        *_transport("4", tcp, loopback),
        "6",
        _Step(_IMMEDIATE_TO_X, _IPV6_HEADER),
        _Step(_LOAD_BYTE, 6),
        *_transport("6", tcp, loopback),
    ]  # fmt: skip


def _transport(family: str, tcp: Callable[[str, Loopback], list[_Item]], loopback: Loopback) -> list[_Item]:
    """With the protocol's number loaded, and X at the transport header."""
    return [
        _Step(_EQUAL, socket.IPPROTO_TCP, f"tcp {family}"),
        _Step(_EQUAL, socket.IPPROTO_UDP, f"udp {family}", f"drop {family}"),
        *tcp(family, loopback),
        f"headers {family}",
        _Step(_RETURN, HEADERS),
        f"whole {family}",
        _Step(_RETURN, WHOLE),
        f"drop {family}",
        _Step(_RETURN, 0),
    ]


def _opening_tcp(family: str, loopback: Loopback) -> list[_Item]:
    return [
        f"tcp {family}",
        _Step(_LOAD_BYTE_X, 13),
        _Step(_AND, SYN | RST | ACK),
        _Step(_EQUAL, SYN, f"wanted {family}"),
        f"udp {family}",
        *_either_port((DNS,), f"whole {family}", f"drop {family}"),
        f"wanted {family}",
        *_wanted(family, loopback),
    ]


def _answering_tcp(family: str, loopback: Loopback) -> list[_Item]:
    return [
        f"udp {family}",
        _Step(_RETURN, 0),
        f"tcp {family}",
        _Step(_LOAD_BYTE_X, 13),
        _Step(_ANY_BIT, RST, f"wanted {family}"),
        _Step(_AND, SYN | ACK),
        _Step(_EQUAL, SYN | ACK, None, f"drop {family}"),
        f"wanted {family}",
        *_wanted(family, loopback),
    ]


def _wanted(family: str, loopback: Loopback) -> list[_Item]:
    """Everything that is not loopback; of loopback what is asked for, and what goes to Service Connect or a proxy."""
    if loopback.everything:
        return []
    return [
        _Step(_LOAD_WORD, _INTERFACE),
        _Step(_EQUAL, loopback.interface, None, f"headers {family}"),
        *(_service_connect() if family == "4" else []),
        *_either_port(sorted({*loopback.ports, DNS})[:MOST_PORTS], f"headers {family}", f"drop {family}"),
    ]


def _service_connect() -> list[_Item]:
    """The addresses that ECS Service Connect gives to other services, as source or as destination."""
    return [
        item
        for offset in (12, 16)
        for item in (
            _Step(_LOAD_WORD, offset),
            _Step(_AND, 0xFFFF0000),
            _Step(_EQUAL, _SERVICE_CONNECT, "headers 4"),
        )
    ]


def _either_port(ports: Sequence[int], found: str, otherwise: str) -> list[_Item]:
    """Go to `found` where the source or the destination port is one of these."""
    return [
        *(
            item
            for offset in (0, 2)
            for item in (_Step(_LOAD_HALF_X, offset), *(_Step(_EQUAL, port, found) for port in ports))
        ),
        _Step(_ALWAYS, yes=otherwise),
    ]
