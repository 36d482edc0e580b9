"""What a packet's headers say: IPv4 or IPv6, then TCP or UDP. No bytes can make it raise."""

import socket
import struct
from typing import NamedTuple

TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
FRAGMENT = 44
"""The next header of an IPv6 packet that is a fragment (RFC 8200)."""
_IPV6_HEADER = 40
_FRAGMENT_HEADER = 8
_TCP_HEADER, _UDP_HEADER = 20, 8
_PORTS = struct.Struct("!HH")
_SEQUENCE = struct.Struct("!4xI")


class Segment(NamedTuple):
    """One TCP segment or UDP datagram. Addresses are 16 bytes, as in `inet_diag.InetSocket`.

    `flags` and `sequence` are 0 for UDP. `payload` is what the tap passed of it, `whole` says whether that is all.
    """

    family: int
    protocol: int
    src: bytes
    src_port: int
    dst: bytes
    dst_port: int
    flags: int
    sequence: int
    payload: bytes
    whole: bool


def parse(packet: bytes) -> Segment | None:
    """The segment in a packet that begins with its network header; None where there is none that can be read."""
    if not packet:
        return None
    version = packet[0] >> 4
    if version == 4:
        return _ipv4(packet)
    return _ipv6(packet) if version == 6 else None


def _ipv4(packet: bytes) -> Segment | None:
    """RFC 791. A later fragment has no ports, and is none."""
    header = (packet[0] & 0x0F) * 4
    if header < 20 or len(packet) < header or packet[6] & 0x1F or packet[7]:
        return None
    end = packet[2] << 8 | packet[3]
    src, dst = packet[12:16] + bytes(12), packet[16:20] + bytes(12)
    fragmented = bool(packet[6] & 0x20)
    return _transport(socket.AF_INET, packet[9], src, dst, packet[header:end], end - header, fragmented)


def _ipv6(packet: bytes) -> Segment | None:
    """RFC 8200, without extension headers but that of a first fragment (4.5)."""
    if len(packet) < _IPV6_HEADER:
        return None
    kind, header, fragmented = packet[6], _IPV6_HEADER, False
    if kind == FRAGMENT:
        header += _FRAGMENT_HEADER
        if len(packet) < header or packet[42] or packet[43] & 0xF8:
            return None
        kind, fragmented = packet[40], bool(packet[43] & 1)
    end = _IPV6_HEADER + (packet[4] << 8 | packet[5])
    return _transport(socket.AF_INET6, kind, packet[8:24], packet[24:40], packet[header:end], end - header, fragmented)


def _transport(
    family: int, protocol: int, src: bytes, dst: bytes, rest: bytes, length: int, fragmented: bool
) -> Segment | None:
    """`length` is what the network header says of `rest`."""
    whole = not fragmented and len(rest) >= length
    if protocol == UDP and len(rest) >= _UDP_HEADER:
        ports = _PORTS.unpack_from(rest)
        return Segment(family, UDP, src, ports[0], dst, ports[1], 0, 0, rest[_UDP_HEADER:], whole)
    if protocol == TCP and len(rest) >= _TCP_HEADER:
        ports = _PORTS.unpack_from(rest)
        (sequence,) = _SEQUENCE.unpack_from(rest)
        header = max((rest[12] >> 4) * 4, _TCP_HEADER)
        return Segment(family, TCP, src, ports[0], dst, ports[1], rest[13], sequence, rest[header:], whole)
    return None
