"""IP packets as a tap or a capture has them, from the IP header on, with right checksums."""

import socket
import struct

TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
FRAGMENT = 44
"""The IPv6 header of a fragment (RFC 8200, 4.5)."""


def udp(src: str, src_port: int, dst: str, dst_port: int, payload: bytes) -> bytes:
    """One datagram."""
    head = struct.pack("!HHHH", src_port, dst_port, 8 + len(payload), 0)
    return ip(src, dst, UDP, _with_checksum(src, dst, UDP, head + payload, 6))


def tcp(
    src: str, src_port: int, dst: str, dst_port: int, flags: int, seq: int, ack: int = 0, payload: bytes = b""
) -> bytes:
    """One segment; a SYN has the option of its largest segment size."""
    options = b"\x02\x04\x05\xb4" if flags & SYN else b""
    offset = (20 + len(options)) // 4 << 4
    head = struct.pack("!HHIIBBHHH", src_port, dst_port, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, offset, flags, 64240, 0, 0)
    return ip(src, dst, TCP, _with_checksum(src, dst, TCP, head + options + payload, 16))


def ip(src: str, dst: str, protocol: int, payload: bytes) -> bytes:
    """One whole packet of the family of its addresses."""
    if ":" in src:
        return _ip6(src, dst, protocol, payload)
    return _ip4(src, dst, protocol, payload, 0x4000)


def fragments(src: str, dst: str, protocol: int, payload: bytes, size: int) -> list[bytes]:
    """The packet in fragments; `size`, of all but the last, is a multiple of eight."""
    pieces = []
    for at in range(0, len(payload), size):
        more, piece = at + size < len(payload), payload[at : at + size]
        if ":" in src:
            head = struct.pack("!BxHI", protocol, at | more, 77)
            pieces.append(_ip6(src, dst, FRAGMENT, head + piece))
        else:
            pieces.append(_ip4(src, dst, protocol, piece, at >> 3 | more << 13))
    return pieces


def _ip4(src: str, dst: str, protocol: int, payload: bytes, offset: int) -> bytes:
    ends = socket.inet_aton(src) + socket.inet_aton(dst)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 77, offset, 64, protocol, 0) + ends
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def _ip6(src: str, dst: str, protocol: int, payload: bytes) -> bytes:
    ends = socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst)
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + ends + payload


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _with_checksum(src: str, dst: str, protocol: int, segment: bytes, at: int) -> bytes:
    """The checksum covers a pseudo header, of the same sum in both families (RFC 9293, 3.1; RFC 8200, 8.1)."""
    family = socket.AF_INET6 if ":" in src else socket.AF_INET
    ends = socket.inet_pton(family, src) + socket.inet_pton(family, dst)
    total = checksum(ends + struct.pack("!II", len(segment), protocol) + segment) or 0xFFFF
    return segment[:at] + struct.pack("!H", total) + segment[at + 2 :]
