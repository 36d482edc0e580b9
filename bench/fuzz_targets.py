"""What `fuzz.py` runs: for each decoder a function of bytes that raises where a promise is broken, and seeds.

As a program it fuzzes one target with atheris: `fuzz_targets.py TARGET [libFuzzer's options]`.
"""

import struct
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import dns_bytes
from data import mixed_pcap
from fakes import FakeClock


class Broken(Exception):
    """A decoder did something that it promises not to do."""


class Target(NamedTuple):
    """`load` imports the decoder (atheris watches the import) and gives the function to be called with bytes."""

    load: Callable[[], Callable[[bytes], None]]
    seeds: Callable[[], Iterator[bytes]]


def dns_message() -> Callable[[bytes], None]:
    """Text that can be shown, and no more of it than is kept."""
    from collectors.dns_message import MOST_ANSWERS, MOST_TEXT, parse

    def run(data: bytes) -> None:
        message = parse(data)
        if message is None:
            return
        shown = [text for one in message.answers for text in (one.name, one.text)]
        if message.question is not None:
            shown.append(message.question.name)
        if not all(text.isascii() and text.isprintable() for text in shown):
            raise Broken("text that is not printable")
        if len(message.answers) > MOST_ANSWERS or sum(len(one.value) for one in message.answers) > MOST_TEXT:
            raise Broken("more than is kept")

    return run


def dns_streams() -> Callable[[bytes], None]:
    """Segments: a byte of flags, four of the sequence number, two of the length; then what is carried."""
    from collectors.dns_streams import MOST_BYTES, DnsStreams
    from sensor.model.counters import Counters

    def run(data: bytes) -> None:
        clock = FakeClock()
        streams = DnsStreams(clock=clock, counters=Counters())
        at = 0
        while at + 7 <= len(data):
            flags, seq, size = struct.unpack_from("!BIH", data, at)
            payload = data[at + 7 : at + 7 + size]
            at += 7 + size
            clock.advance((flags >> 5) * 0.5)
            key = flags >> 3 & 3
            got = streams.feed(key, seq, payload, syn=bool(flags & 1), fin=bool(flags & 2), rst=bool(flags & 4))
            if any(not 12 <= len(message) <= 65_535 for message in got) or streams.held_bytes > MOST_BYTES:
                raise Broken("more than is kept, or a message that is none")
        for key in range(4):
            streams.forget(key)
        if len(streams) or streams.held_bytes:
            raise Broken("bytes that nobody holds")

    return run


def inet_diag() -> Callable[[bytes], None]:
    """Addresses that can be shown, and a result for each sixteen bytes at most."""
    from collectors.inet_diag import address_text, decode

    def run(data: bytes) -> None:
        decoded = decode(data)
        if len(decoded.sockets) + decoded.malformed > len(data) // 16 + 1:
            raise Broken("more than there can be")
        for found in decoded.sockets:
            address_text(found.family, found.src)
            address_text(found.family, found.dst)

    return run


def messages() -> Iterator[bytes]:
    """The exchanges of the capture."""
    for n, (text, kind, records) in enumerate(mixed_pcap.EXCHANGES):
        yield dns_bytes.query(n, text, kind)
        yield dns_bytes.answer(*records, ident=n, text=text, kind=kind)


def segments() -> Iterator[bytes]:
    """The same in two segments each, in order and not."""
    for message in messages():
        data = dns_bytes.framed(message)
        first = struct.pack("!BIH", 0, 1, 20) + data[:20]
        second = struct.pack("!BIH", 0, 21, len(data) - 20) + data[20:]
        syn = struct.pack("!BIH", 1, 0, 0)
        yield syn + first + second
        yield syn + second + first + first


def datagrams() -> Iterator[bytes]:
    """As the kernel sends them."""
    from fakes_netlink import DONE, attribute, inet_message, tcp_info  # imports the decoder, which atheris must see

    whole = inet_message(attributes=attribute(2, tcp_info(1, 2, 3, 4, 5, 6)) + attribute(10, b"\6"))
    yield from (DONE, whole, inet_message(cookie=2) + whole + DONE)


TARGETS = {
    "dns_message": Target(dns_message, messages),
    "dns_streams": Target(dns_streams, segments),
    "inet_diag": Target(inet_diag, datagrams),
}


def main() -> None:
    """Fuzz until libFuzzer's options say that it is enough; ends the process."""
    import atheris

    target = TARGETS[sys.argv.pop(1)]
    with atheris.instrument_imports(include=["collectors"]):
        run = target.load()
    atheris.Setup(sys.argv, run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
