"""The filters of what is skipped, run by a small machine of classic BPF; the kernel runs them in the kernel tier."""

import socket

import pytest
from bpf_machine import ETH, LO, run, run_over_packet
from fakes_netlink import attribute, inet_message
from test_packet_headers import ipv4, ipv6, tcp, udp

from collectors import bpf
from collectors.inet_diag import MAPPED, TCP, UDP, address_bytes
from collectors.network_skip import FOLLOW_ALL, Server, Skip, of_ends, server
from collectors.network_storm import MOST_SERVERS
from collectors.packet_filter import MOST_PORTS, OUTGOING, Loopback, answers, openings
from collectors.packet_headers import parse

SYN, SYN_ACK = 0x02, 0x12


def at(address: str, port: int) -> Server:
    return server(socket.AF_INET6 if ":" in address else socket.AF_INET, address_bytes(address), port)


def skip(*servers: Server) -> Skip:
    return Skip(frozenset(servers))


def message(src: str, src_port: int, dst: str, dst_port: int, protocol: int = TCP) -> bytes:
    return inet_message(
        src=src, src_port=src_port, dst=dst, dst_port=dst_port, attributes=attribute(10, bytes([protocol]))
    )


@pytest.mark.parametrize("wrap", [lambda p, b: ipv4(p, b), lambda p, b: ipv4(p, b, options=bytes(12)), ipv6])
@pytest.mark.parametrize("end", ["src", "dst"])
def test_packets_from_and_to_a_skipped_server_are_dropped_and_no_others(wrap, end: str) -> None:  # type: ignore[no-untyped-def]  # a lambda or a function
    for flags, made in ((SYN, openings), (SYN_ACK, answers)):
        packet = wrap(TCP, tcp(flags))
        segment = parse(packet)
        assert segment is not None
        there = Server(segment.family, getattr(segment, end), getattr(segment, f"{end}_port"))
        nearby = (there._replace(port=there.port + 1), there._replace(address=b"\1" + there.address[1:]))

        assert run_over_packet(made(Loopback(LO)), packet)
        assert not run_over_packet(made(Loopback(LO), skip(there)), packet)
        assert run_over_packet(made(Loopback(LO), skip(*nearby)), packet)
        assert not run_over_packet(made(Loopback(LO), skip(*nearby, there)), packet)
        assert not run_over_packet(made(Loopback(LO), Skip(everything=True)), packet)


def test_dns_of_a_skipped_server_is_dropped_both_ways() -> None:
    query = ipv4(UDP, udp(b"query"))
    segment = parse(query)
    assert segment is not None
    there = Server(segment.family, segment.dst, segment.dst_port)
    assert there.port == 53
    assert run_over_packet(openings(Loopback(LO)), query)
    assert not run_over_packet(openings(Loopback(LO), skip(there)), query)


def test_the_most_servers_and_ports_of_both_families_still_assemble_and_pass_the_rest() -> None:
    servers = skip(*(at(a, 400 + n) for n in range(MOST_SERVERS) for a in ("192.0.2.1", "2001:db8::1")))
    loopback = Loopback(LO, ports=frozenset(range(10_000, 10_000 + MOST_PORTS - 1)))
    for made in (openings, answers):
        assert made(loopback, servers)
    for packet in (ipv4(TCP, tcp(SYN)), ipv6(TCP, tcp(SYN))):
        assert run_over_packet(openings(loopback, servers), packet, ETH, OUTGOING)


@pytest.mark.parametrize(
    ("servers", "end", "heard"),
    [
        ([], ("192.0.2.1", 5, "198.51.100.7", 443), True),
        ([at("198.51.100.7", 443)], ("192.0.2.1", 5, "198.51.100.7", 443), False),
        ([at("198.51.100.7", 443)], ("198.51.100.7", 443, "192.0.2.1", 5), False),
        ([at("198.51.100.7", 443)], ("198.51.100.7", 444, "192.0.2.1", 443), True),
        ([at("198.51.100.7", 443)], ("2001:db8::1", 5, "::ffff:198.51.100.7", 443), False),
        ([at("::ffff:198.51.100.7", 443)], ("192.0.2.1", 5, "198.51.100.7", 443), False),
        ([at("2001:db8::7", 443)], ("2001:db8::1", 5, "2001:db8::7", 443), False),
        ([at("2001:db8::7", 443)], ("2001:db8::1", 5, "2001:db8::8", 443), True),
        ([at("192.0.2.9", 9), at("2001:db8::7", 443)], ("2001:db8::7", 443, "2001:db8::1", 5), False),
    ],
)
def test_ends_of_connections_with_a_skipped_server_are_not_heard(
    servers: list[Server], end: tuple[str, int, str, int], heard: bool
) -> None:
    assert bool(run(of_ends(skip(*servers)), message(*end), {})) is heard


@pytest.mark.parametrize(("port", "heard"), [(443, True), (53, False)])
def test_datagrams_are_skipped_of_dns_servers_only(port: int, heard: bool) -> None:
    skipped = skip(at("198.51.100.7", port))
    assert bool(run(of_ends(skipped), message("192.0.2.1", 5, "198.51.100.7", port, UDP), {})) is heard
    assert skipped.datagrams is not heard


def test_all_is_heard_or_nothing() -> None:
    end = message("192.0.2.1", 5, "198.51.100.7", 443)
    assert run(of_ends(FOLLOW_ALL), end, {}) == bpf.WHOLE
    assert run(of_ends(Skip(everything=True)), end, {}) == 0
    assert not FOLLOW_ALL
    assert Skip(everything=True).datagrams


def test_a_server_is_named_as_people_write_it() -> None:
    assert str(at("::ffff:192.0.2.1", 443)) == "192.0.2.1 port 443"
    assert at("::ffff:192.0.2.1", 443) == at("192.0.2.1", 443)
    assert MAPPED not in at("::ffff:192.0.2.1", 443).address
