"""The filters, run by a small machine of classic BPF over packets; the kernel itself runs them in the kernel tier."""

import struct

import pytest
from bpf_machine import LO
from bpf_machine import run_over_packet as run
from test_packet_headers import ipv4, ipv6, tcp, udp

from collectors.bpf import Step, assembled
from collectors.packet_filter import HEADERS, MOST_PORTS, OUTGOING, WHOLE, Loopback, answers, openings
from collectors.packet_headers import TCP, UDP

SYN, SYN_ACK, RST, ACK = 0x02, 0x12, 0x14, 0x10
QUIET = Loopback(LO)


@pytest.mark.parametrize("wrap", [lambda p, b: ipv4(p, b), lambda p, b: ipv4(p, b, options=bytes(12)), ipv6])
@pytest.mark.parametrize(
    ("body", "opens", "is_answer"),
    [
        ((TCP, tcp(SYN)), HEADERS, 0),
        ((TCP, tcp(SYN_ACK)), 0, HEADERS),
        ((TCP, tcp(RST)), 0, HEADERS),
        ((TCP, tcp(ACK, b"data")), 0, 0),
        ((TCP, tcp(0x11)), 0, 0),
        ((TCP, b"\0\x35" + tcp(ACK)[2:]), WHOLE, 0),
        ((UDP, udp(b"query")), WHOLE, 0),
        ((UDP, b"\0\x35" + udp(b"answer")[2:]), WHOLE, 0),
        ((UDP, b"\x13\x89\x13\x88" + udp(b"other")[4:]), 0, 0),
        ((1, bytes(20)), 0, 0),
    ],
)
def test_what_passes_beyond_loopback(wrap, body: tuple[int, bytes], opens: int, is_answer: int) -> None:  # type: ignore[no-untyped-def]  # a lambda or a function
    packet = wrap(*body)
    assert run(openings(QUIET), packet) == opens
    assert run(answers(QUIET), packet) == is_answer


def test_a_later_fragment_does_not_pass() -> None:
    assert run(openings(QUIET), ipv4(UDP, udp(b"query"), fragment=3)) == 0
    assert run(openings(QUIET), ipv4(UDP, udp(b"query"), fragment=0x2000)) == WHOLE


@pytest.mark.parametrize(
    ("kind", "offset", "body", "passes"),
    [
        (UDP, 0, udp(b"query"), WHOLE),
        (UDP, 1, udp(b"query"), WHOLE),
        (UDP, 1, b"\0\x35" + udp(b"answer")[2:4][::-1] + udp(b"answer")[4:], WHOLE),
        (UDP, 1, b"\x13\x89\x13\x88" + udp(b"other")[4:], 0),
        (UDP, 9, udp(b"query"), 0),
        (TCP, 1, b"\0\x35" + tcp(SYN)[2:], 0),
    ],
)
def test_of_ipv6_in_pieces_a_first_one_of_dns_passes(kind: int, offset: int, body: bytes, passes: int) -> None:
    packet = ipv6(44, struct.pack("!BBHI", kind, 0, offset, 7) + body)
    assert run(openings(QUIET), packet) == passes
    assert run(answers(QUIET), packet) == 0


def to(port: int, flags: int = SYN) -> bytes:
    return ipv4(TCP, tcp(flags)[:2] + struct.pack("!H", port) + tcp(flags)[4:])


def sent_from(address: bytes, packet: bytes) -> bytes:
    return packet[:12] + address + packet[16:]


@pytest.mark.parametrize(
    ("loopback", "packet", "passes"),
    [
        (QUIET, to(8080), False),
        (QUIET._replace(everything=True), to(8080), True),
        (QUIET._replace(ports=frozenset({8080})), to(8080), True),
        (QUIET._replace(ports=frozenset({8080})), to(8081), False),
        (QUIET, to(53), True),
        (QUIET, to(8080)[:16] + b"\x7f\xff\0\2" + to(8080)[20:], True),
        (QUIET, to(8080)[:12] + b"\x7f\xff\0\2" + to(8080)[16:], True),
        (QUIET, to(8080)[:16] + b"\x7f\0\0\2" + to(8080)[20:], False),
        (QUIET, sent_from(b"\x7f\xff\0\2", to(8080, SYN_ACK)), True),
        (QUIET, sent_from(b"\x7f\xff\0\2", to(8080, ACK)), False),
        (QUIET, sent_from(b"\x7f\xff\0\2", to(8080, RST)), False),
        (QUIET, sent_from(b"\x7f\0\0\2", to(8080, SYN_ACK)), False),
        (QUIET, sent_from(b"\x7f\0\0\2", to(53, SYN_ACK)), True),
        (QUIET._replace(everything=True), to(8080, SYN_ACK), False),
    ],
)
def test_of_loopback_passes_what_is_asked_for_and_only_as_it_is_received(
    loopback: Loopback, packet: bytes, passes: bool
) -> None:
    assert bool(run(openings(loopback), packet, LO)) is passes
    assert run(openings(loopback), packet, LO, OUTGOING) == 0


def test_the_most_ports_still_assemble_and_the_last_of_them_passes() -> None:
    ports = frozenset(range(10_000, 10_000 + MOST_PORTS - 1))
    for made in (openings, answers):
        assert len(made(Loopback(LO, ports=ports))) < 8 * 4096
    assert run(openings(Loopback(LO, ports=ports)), to(max(ports)), LO) == HEADERS


def test_a_jump_that_is_too_far_is_refused() -> None:
    with pytest.raises(ValueError, match="too far"):
        assembled([Step(0x15, 0, "end"), *[Step(0x54)] * 300, "end", Step(0x06)])
