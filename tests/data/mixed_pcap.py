"""Writes mixed.pcap beside itself: made-up traffic of a task, in and out, IPv4 and IPv6, right and wrong.

    PYTHONPATH=tests python tests/data/mixed_pcap.py

A millisecond passes between two packets. All addresses and names are those of documentation (RFC 5737, 3849, 2606).
"""

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import dns_bytes as dns
import ip_packets as ip
import pcap
from ip_packets import ACK, FIN, PSH, RST, SYN

FILE = Path(__file__).with_name("mixed.pcap")
BEGIN = 1_700_000_000.0
ENDS = (("192.0.2.10", "192.0.2.53", "198.51.100.7"), ("2001:db8::10", "2001:db8::53", "2001:db8:1::7"))
"""For each family the task, its DNS server, and somebody else."""

EXCHANGES: tuple[tuple[str, int, list[bytes]], ...] = (
    ("www.example.org", dns.A, [dns.record(dns.CNAME, dns.name("edge.example.net")),
                                dns.address("198.51.100.7", owner=dns.name("edge.example.net"))]),
    ("www.example.org", dns.AAAA, [dns.address("2001:db8:1::7", ttl=5)]),
    ("example.org", dns.MX, [dns.record(dns.MX, b"\0\x0a\4mail" + dns.ASKED)]),
    ("example.org", dns.TXT, [dns.record(dns.TXT, b"\x0bv=spf1 -all\4\xffa\"b")]),
    ("7.100.51.198.in-addr.arpa", dns.PTR, [dns.record(dns.PTR, dns.name("edge.example.net"))]),
    ("_https._tcp.example.org", dns.SRV, [dns.record(dns.SRV, b"\0\1\0\2\1\xbb" + dns.name("www.example.org"))]),
    ("example.org", dns.HTTPS, [dns.record(dns.HTTPS, b"\0\1\0" + b"\0\1\0\3\2h2")]),
    ("example.org", dns.NS, [dns.record(dns.NS, b"\3ns1" + dns.ASKED), dns.record(dns.NS, b"\3ns2" + dns.ASKED)]),
)  # fmt: skip
"""What is asked and answered in each family, over UDP and then over TCP."""


def traffic() -> Iterator[bytes]:
    """All packets, in order."""
    for family, (task, server, other) in enumerate(ENDS):
        yield from over_udp(task, server, 40_000 + 100 * family)
        yield from over_tcp(task, server, 50_000 + 100 * family)
        yield from connections(task, other, 60_000 + 100 * family)
        yield from in_fragments(task, server)
        yield from garbage(task, server)


def over_udp(task: str, server: str, port: int) -> Iterator[bytes]:
    """Each exchange; one query sent twice, a name that is not there, one that fails, and one without an answer."""
    for n, (text, kind, records) in enumerate(EXCHANGES):
        yield ip.udp(task, port + n, server, 53, dns.query(n, text, kind))
        if n == 0:
            yield ip.udp(task, port + n, server, 53, dns.query(n, text, kind))
        yield ip.udp(server, 53, task, port + n, dns.answer(*records, ident=n, text=text, kind=kind))
    for n, rcode in enumerate((dns.NXDOMAIN, dns.SERVFAIL)):
        ask, reply = dns.query(90 + n, "none.example.org"), dns.RESPONSE | rcode
        yield ip.udp(task, port + 90 + n, server, 53, ask)
        yield ip.udp(server, 53, task, port + 90 + n, dns.answer(ident=90 + n, text="none.example.org", flags=reply))
    yield ip.udp(task, port + 92, server, 53, dns.query(92, "silent.example.org"))


def over_tcp(task: str, server: str, port: int) -> Iterator[bytes]:
    """All exchanges on one connection: lengths alone in a segment, answers cut in two, out of order, and sent again."""
    ours, theirs = 0xFFFFFF00, 5000  # the client's numbers wrap around
    yield ip.tcp(task, port, server, 53, SYN, ours)
    yield ip.tcp(server, 53, task, port, SYN | ACK, theirs, ours + 1)
    ours, theirs = ours + 1, theirs + 1
    yield ip.tcp(task, port, server, 53, ACK, ours, theirs)
    for n, (text, kind, records) in enumerate(EXCHANGES):
        ask = dns.framed(dns.query(n, text, kind))
        reply = dns.framed(dns.answer(*records, ident=n, text=text, kind=kind))
        for piece in (ask[:2], ask[2:]):
            yield ip.tcp(task, port, server, 53, PSH | ACK, ours, theirs, piece)
            ours += len(piece)
        first = ip.tcp(server, 53, task, port, ACK, theirs, ours, reply[:20])
        second = ip.tcp(server, 53, task, port, PSH | ACK, theirs + 20, ours, reply[20:])
        yield from ((first, second), (second, first), (first, first, second))[n % 3]
        theirs += len(reply)
    yield ip.tcp(task, port, server, 53, FIN | ACK, ours, theirs)
    yield ip.tcp(server, 53, task, port, FIN | ACK, theirs, ours + 1)


def connections(task: str, other: str, port: int) -> Iterator[bytes]:
    """Outbound: one that is established and closed, a refused one, one without an answer, one reset. Inbound: one."""
    yield ip.tcp(task, port, other, 443, SYN, 100)
    yield ip.tcp(other, 443, task, port, SYN | ACK, 900, 101)
    yield ip.tcp(task, port, other, 443, ACK, 101, 901)
    yield ip.tcp(task, port, other, 443, FIN | ACK, 101, 901)
    yield ip.tcp(task, port + 1, other, 81, SYN, 100)
    yield ip.tcp(other, 81, task, port + 1, RST | ACK, 0, 101)
    for _again in range(3):
        yield ip.tcp(task, port + 2, other, 82, SYN, 100)
    yield ip.tcp(task, port + 3, other, 443, SYN, 100)
    yield ip.tcp(other, 443, task, port + 3, SYN | ACK, 900, 101)
    yield ip.tcp(other, 443, task, port + 3, RST, 901)
    yield ip.tcp(other, 33_000, task, 8080, SYN, 100)
    yield ip.tcp(task, 8080, other, 33_000, SYN | ACK, 900, 101)


def in_fragments(task: str, server: str) -> Iterator[bytes]:
    """A large answer, of which only the first fragment has ports."""
    records = [dns.record(dns.TXT, b"\xff" + b"x" * 255) for _ in range(8)]
    message = dns.answer(*records, ident=70, text="long.example.org", kind=dns.TXT)
    whole = struct.pack("!HHHH", 53, 45_000, 8 + len(message), 0) + message
    yield from ip.fragments(server, task, ip.UDP, whole, 1400)


def garbage(task: str, server: str) -> Iterator[bytes]:
    """Port 53 with what is no DNS, names that run in circles, and packets shorter than their headers say."""
    dice = random.Random(53)  # the same garbage each time
    for size in (0, 1, 11, 12, 40, 500):
        yield ip.udp(server, 53, task, 46_000, dice.randbytes(size))
    loop = dns.header(71, dns.RESPONSE, (1, 0, 0, 0)) + dns.ASKED + b"\0\1\0\1"
    yield ip.udp(server, 53, task, 46_000, loop)
    lying = dns.header(72, dns.RESPONSE, (1, 9, 9, 9)) + dns.question() + dns.address("198.51.100.9")
    yield ip.udp(server, 53, task, 46_001, lying)
    yield ip.tcp(task, 46_002, server, 53, PSH | ACK, 1, 1, dice.randbytes(100))
    whole = ip.udp(server, 53, task, 46_000, dns.answer())
    yield from (whole[:size] for size in (1, 19, 20, 27, 40, 47))


def file() -> bytes:
    """What the file holds."""
    return pcap.written(pcap.Captured(BEGIN + n / 1000, packet) for n, packet in enumerate(traffic()))


if __name__ == "__main__":
    FILE.write_bytes(file())
