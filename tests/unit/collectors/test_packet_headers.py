"""Headers of packets as they come from the tap, and whatever else may come."""

import socket
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.inet_diag import address_bytes
from collectors.packet_headers import TCP, UDP, Segment, parse

A4, B4 = socket.inet_aton("192.0.2.1"), socket.inet_aton("192.0.2.2")
A6, B6 = socket.inet_pton(socket.AF_INET6, "2001:db8::1"), socket.inet_pton(socket.AF_INET6, "2001:db8::2")


def ipv4(protocol: int, body: bytes, *, options: bytes = b"", fragment: int = 0, length: int | None = None) -> bytes:
    size = 20 + len(options)
    total = size + len(body) if length is None else length
    header = struct.pack("!BBHHHBBH4s4s", 0x40 | size // 4, 0, total, 1, fragment, 64, protocol, 0, A4, B4)
    return header + options + body


def ipv6(protocol: int, body: bytes) -> bytes:
    return struct.pack("!IHBB16s16s", 6 << 28, len(body), protocol, 64, A6, B6) + body


def tcp(flags: int, payload: bytes = b"", options: bytes = b"") -> bytes:
    offset = (20 + len(options)) // 4 << 4
    return struct.pack("!HHIIBBHHH", 50000, 443, 7, 0, offset, flags, 0, 0, 0) + options + payload


def udp(payload: bytes) -> bytes:
    return struct.pack("!HHHH", 50000, 53, 8 + len(payload), 0) + payload


def test_a_tcp_segment_over_ipv4_with_options_in_both_headers() -> None:
    found = parse(ipv4(TCP, tcp(0x02, b"", b"\x02\x04\x05\xb4"), options=bytes(8)))

    assert found == Segment(
        socket.AF_INET, TCP, address_bytes("192.0.2.1"), 50000, address_bytes("192.0.2.2"), 443, 0x02, 7, b"", True
    )


def test_a_tcp_segment_over_ipv6_with_payload() -> None:
    assert parse(ipv6(TCP, tcp(0x18, b"hello"))) == Segment(
        socket.AF_INET6, TCP, A6, 50000, B6, 443, 0x18, 7, b"hello", True
    )


def test_a_datagram_and_the_padding_behind_it() -> None:
    assert parse(ipv4(UDP, udp(b"query")) + bytes(6)) == Segment(
        socket.AF_INET, UDP, A4 + bytes(12), 50000, B4 + bytes(12), 53, 0, 0, b"query", True
    )


@pytest.mark.parametrize("network", [ipv4, ipv6])
@pytest.mark.parametrize("body", [tcp(0x10), udp(b"")])
def test_a_transport_header_and_nothing_behind_it_is_a_segment(network: Callable[..., bytes], body: bytes) -> None:
    found = parse(network(TCP if len(body) == 20 else UDP, body))

    assert found is not None
    assert (found.src_port, found.payload, found.whole) == (50000, b"", True)


@pytest.mark.parametrize("network", [ipv4, ipv6])
def test_a_length_of_two_bytes_separates_payload_from_padding(network: Callable[..., bytes]) -> None:
    whole = network(UDP, udp(b"q" * 1000))
    padded, cut = parse(whole + bytes(2000)), parse(whole[:-1])

    assert padded is not None
    assert cut is not None
    assert (len(padded.payload), padded.whole) == (1000, True)
    assert (len(cut.payload), cut.whole) == (999, False)


def test_what_was_cut_by_the_tap_or_fragmented_is_not_whole() -> None:
    cut = parse(ipv4(UDP, udp(b"q" * 100))[:60])
    fragment = parse(ipv4(UDP, udp(b"q" * 100), fragment=0x2000))

    assert cut is not None
    assert fragment is not None
    assert (cut.whole, fragment.whole) == (False, False)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x45",
        ipv4(TCP, tcp(2))[:30],
        ipv4(UDP, udp(b""), fragment=3),
        ipv4(UDP, udp(b""), fragment=0x100),
        ipv4(socket.IPPROTO_ICMP, bytes(20)),
        ipv6(0, bytes(40)),
        b"\x10" + ipv6(UDP, udp(b""))[1:],
        bytes([0x41]) + ipv4(TCP, tcp(2))[1:],
        ipv4(TCP, tcp(2), length=10),
    ],
)
def test_what_is_no_segment_is_none(packet: bytes) -> None:
    assert parse(packet) is None


@given(st.binary(max_size=200), st.sampled_from([0x45, 0x46, 0x4F, 0x60]))
def test_no_bytes_make_it_raise(data: bytes, first: int) -> None:
    for packet in (data, bytes([first]) + data):
        found = parse(packet)
        assert found is None or len(found.src) == len(found.dst) == 16


@pytest.mark.parametrize(
    ("fragment", "found"),
    [
        (struct.pack("!BBHI", UDP, 0, 0, 7), (53, True)),
        (struct.pack("!BBHI", UDP, 0, 1, 7), (53, False)),
        (struct.pack("!BBHI", UDP, 0, 8 | 1, 7), None),
        (struct.pack("!BBHI", UDP, 0, 0x4000, 7), None),
        (struct.pack("!BBHI", 44, 0, 0, 7), None),
        (b"\x11\0\0", None),
    ],
)
def test_of_an_ipv6_packet_in_pieces_the_first_has_the_ports(fragment: bytes, found: tuple[int, bool] | None) -> None:
    segment = parse(ipv6(44, fragment + udp(b"query") if len(fragment) == 8 else fragment))
    assert (segment and (segment.dst_port, segment.whole)) == found
    assert segment is None or segment.payload == b"query"
