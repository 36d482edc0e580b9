"""DNS messages byte by byte, right and wrong ones alike."""

import socket
import struct

A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, OPT, HTTPS = 1, 2, 5, 6, 12, 15, 16, 28, 33, 41, 65
QUERY, RESPONSE, TRUNCATED = 0x0100, 0x8180, 0x0200
"""Flags: recursion desired; that, recursion available and the bit of a response; TC."""
NXDOMAIN, SERVFAIL = 3, 2
ASKED = b"\xc0\x0c"
"""A pointer to the question's name."""


def name(text: str) -> bytes:
    """A name without escapes, written out; "" or "." is the root."""
    labels = [label.encode() for label in text.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def pointer(at: int) -> bytes:
    """A compression pointer."""
    return struct.pack("!H", 0xC000 | at)


def header(ident: int = 1, flags: int = QUERY, counts: tuple[int, int, int, int] = (1, 0, 0, 0)) -> bytes:
    """The first twelve bytes; `counts` of questions, answers, authorities and additional records."""
    return struct.pack("!6H", ident, flags, *counts)


def question(text: str = "www.example.org", kind: int = A) -> bytes:
    """A question of the Internet class."""
    return name(text) + struct.pack("!HH", kind, 1)


def record(kind: int, data: bytes, *, owner: bytes = ASKED, ttl: int = 60, category: int = 1) -> bytes:
    """A record with its data, by default of the name that was asked for."""
    return owner + struct.pack("!HHIH", kind, category, ttl, len(data)) + data


def address(text: str, *, owner: bytes = ASKED, ttl: int = 60) -> bytes:
    """An A or AAAA record."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    return record(AAAA if ":" in text else A, socket.inet_pton(family, text), owner=owner, ttl=ttl)


def opt(*, extended: int = 0, options: bytes = b"") -> bytes:
    """EDNS: the upper bits of the response code, and options."""
    return record(OPT, options, owner=b"\0", ttl=extended << 24, category=1232)


def query(ident: int = 1, text: str = "www.example.org", kind: int = A) -> bytes:
    """A query with EDNS, as stub resolvers send it."""
    return header(ident, QUERY, (1, 0, 0, 1)) + question(text, kind) + opt()


def answer(
    *records: bytes, ident: int = 1, text: str = "www.example.org", kind: int = A, flags: int = RESPONSE
) -> bytes:
    """An answer to `query` with these records in its answer section."""
    return header(ident, flags, (1, len(records), 0, 1)) + question(text, kind) + b"".join(records) + opt()


def framed(message: bytes) -> bytes:
    """As TCP carries it."""
    return struct.pack("!H", len(message)) + message
