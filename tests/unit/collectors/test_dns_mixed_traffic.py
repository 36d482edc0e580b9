"""The capture of mixed traffic, through messages, streams, exchanges and names as a tap would feed them."""

import runpy
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pcap
import pytest
from fakes import FakeClock

from collectors.dns_exchanges import UNANSWERED_S, Client, Exchange, Exchanges
from collectors.dns_message import parse
from collectors.dns_names import DnsNames
from collectors.dns_stream import UNALIGNED
from collectors.dns_streams import DnsStreams
from sensor.model.counters import Counters

CAPTURE = Path(__file__).parents[2] / "data" / "mixed.pcap"


class Packet(NamedTuple):
    """What a tap knows of a packet with ports."""

    transport: str
    src: tuple[str, int]
    dst: tuple[str, int]
    payload: bytes
    seq: int = 0
    flags: int = 0


def packets() -> Iterator[Packet]:
    """Those of the capture that are whole enough, first fragments included."""
    for captured in pcap.read(CAPTURE):
        try:
            if (packet := dissected(captured.packet)) is not None:
                yield packet
        except (struct.error, IndexError, ValueError):  # cut short on purpose
            continue


def dissected(data: bytes) -> Packet | None:
    """As little of IP as the capture needs: no options but TCP's."""
    if data[0] >> 4 == 4:
        src, dst = (socket.inet_ntop(socket.AF_INET, data[at : at + 4]) for at in (12, 16))
        protocol, later, at = data[9], struct.unpack_from("!H", data, 6)[0] & 0x1FFF, 20
    else:
        src, dst = (socket.inet_ntop(socket.AF_INET6, data[at : at + 16]) for at in (8, 24))
        protocol, later, at = data[6], 0, 40
        if protocol == 44:
            protocol, later, at = data[40], struct.unpack_from("!H", data, 42)[0] >> 3, 48
    if later:
        return None
    src_port, dst_port = struct.unpack_from("!HH", data, at)
    if protocol == socket.IPPROTO_UDP:
        if len(data) < at + 8:
            raise ValueError("a header cut short")
        return Packet("udp", (src, src_port), (dst, dst_port), data[at + 8 :])
    seq, flags = struct.unpack_from("!I", data, at + 4)[0], data[at + 13]
    return Packet("tcp", (src, src_port), (dst, dst_port), data[at + (data[at + 12] >> 4) * 4 :], seq, flags)


class Tap:
    """All parts together; what comes out is kept."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.counters = Counters()
        self.streams = DnsStreams(clock=self.clock, counters=self.counters)
        self.exchanges: Exchanges[None] = Exchanges(clock=self.clock, counters=self.counters)
        self.names = DnsNames(self.counters)
        self.told: list[Exchange[None]] = []
        self.no_dns = 0

    def run(self) -> None:
        for packet in packets():
            if 53 in (packet.src[1], packet.dst[1]):
                for payload in self._payloads(packet):
                    self._take(packet, payload)
        self.clock.advance(UNANSWERED_S)
        self.told += self.exchanges.due()

    def _payloads(self, packet: Packet) -> list[bytes]:
        if packet.transport == "udp":
            return [packet.payload]
        syn, fin, rst = (bool(packet.flags & bit) for bit in (2, 1, 4))
        return self.streams.feed((packet.src, packet.dst), packet.seq, packet.payload, syn=syn, fin=fin, rst=rst)

    def _take(self, packet: Packet, payload: bytes) -> None:
        message = parse(payload)
        if message is None:
            self.no_dns += 1
        elif packet.dst[1] == 53:
            self.exchanges.query(Client(packet.transport, *packet.src), packet.dst[0], message)
        else:
            told = self.exchanges.answer(Client(packet.transport, *packet.dst), packet.src[0], message)
            self.names.learn(message, self.clock.monotonic())
            self.told += [told] if told is not None else []


@pytest.fixture(scope="module")
def tap() -> Tap:
    ran = Tap()
    ran.run()
    return ran


def test_the_file_is_what_its_script_writes() -> None:
    assert runpy.run_path(str(CAPTURE.with_name("mixed_pcap.py")))["file"]() == CAPTURE.read_bytes()


def test_each_exchange_is_told_once_over_both_transports_and_families(tap: Tap) -> None:
    texts = {
        ("www.example.org", "A"): ["CNAME edge.example.net", "A 198.51.100.7"],
        ("www.example.org", "AAAA"): ["AAAA 2001:db8:1::7"],
        ("example.org", "MX"): ["MX 10 mail.example.org"],
        ("example.org", "TXT"): ['TXT "v=spf1 -all" "\\255a\\"b"'],
        ("7.100.51.198.in-addr.arpa", "PTR"): ["PTR edge.example.net"],
        ("_https._tcp.example.org", "SRV"): ["SRV 1 2 443 www.example.org"],
        ("example.org", "HTTPS"): ["HTTPS 1 ."],
        ("example.org", "NS"): ["NS ns1.example.org", "NS ns2.example.org"],
    }
    for transport in ("udp", "tcp"):
        for server in ("192.0.2.53", "2001:db8::53"):
            told = [
                one
                for one in tap.told
                if (one.client.transport, one.server) == (transport, server) and one.question in texts
                if one.client.port < 60_000 and one.took_s is not None
            ]
            assert [one.question for one in told] == list(texts)
            for one in told:
                assert one.answer is not None
                assert one.question is not None
                assert [answer.text for answer in one.answer.answers] == texts[one.question]


def test_names_that_are_not_there_failures_and_silence_are_told(tap: Tap) -> None:
    told = Counter((one.question, one.answer.rcode if one.answer else None) for one in tap.told if one.question)
    assert told[("none.example.org", "A"), "NXDOMAIN"] == 2
    assert told[("none.example.org", "A"), "SERVFAIL"] == 2
    assert told[("silent.example.org", "A"), None] == 2


def test_a_fragment_and_counts_that_lie_give_what_is_there_with_the_fault(tap: Tap) -> None:
    cut = [one.answer for one in tap.told if one.question == ("long.example.org", "TXT")]
    assert [len(message.answers) for message in cut if message] == [5, 5]
    assert all(message and message.fault and "answer 6" in message.fault for message in cut)
    lying = [one.answer for one in tap.told if one.answer and one.answer.id == 72]
    assert [[answer.text for answer in message.answers] for message in lying] == [["A 198.51.100.9"]] * 2


def test_garbage_is_counted_and_costs_nothing_else(tap: Tap) -> None:
    assert tap.no_dns >= 2 * 5
    assert dict(tap.counters.losses) == {UNALIGNED: 2}


def test_later_connections_have_a_name(tap: Tap) -> None:
    now = tap.clock.monotonic()
    assert tap.names.name("198.51.100.7", now) == "www.example.org"
    assert tap.names.name("2001:db8:1::7", now) == "www.example.org"
