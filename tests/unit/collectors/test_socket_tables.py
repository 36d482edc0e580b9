"""The tables of sockets in /proc/net: addresses of both byte orders, states, and lines that are none."""

import socket
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collectors.inet_diag import ESTABLISHED, LISTEN, TCP, UDP, InetSocket, address_bytes, address_text
from collectors.socket_tables import ByteOrder, decode

V4, V6 = socket.AF_INET, socket.AF_INET6
HEADER = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode     \n"
LISTENER = b"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 4711 1 ff 100\n"
LINE6 = (
    b"   1: B80D0120000000000000000001000000:C350 0000000000000000FFFF0000C0A80001:01BB 01 0000000A:00000000"
    b" 02:000A7214 00000000     0        0 99 2 0000000000000000 20 4 30 10 -1\n"
)
DATAGRAM = b" 1234: 00000000:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 7 2 0 0\n"


def one(text: bytes, family: int, protocol: int, order: ByteOrder = "little") -> InetSocket:
    found = decode(HEADER + text, family, protocol, order)
    assert found.malformed == 0
    (sock,) = found.sockets
    return sock


def test_a_listener() -> None:
    found = one(LISTENER, V4, TCP)
    assert (found.state, found.src_port, found.dst_port) == (LISTEN, 8080, 0)
    assert (found.uid, found.inode, found.receive_queue, found.send_queue) == (1000, 4711, 3, 0)
    assert (found.src, found.dst) == (address_bytes("127.0.0.1"), address_bytes("0.0.0.0"))
    assert (found.cookie, found.interface, found.protocol, found.info) == (0, 0, TCP, None)


def test_a_datagram_socket() -> None:
    found = one(DATAGRAM, V4, UDP)
    assert (found.family, found.src_port, found.uid, found.inode, found.protocol) == (V4, 5353, 101, 7, UDP)


@pytest.mark.parametrize(
    ("order", "words", "shown"),
    [
        ("little", b"0100007F", "127.0.0.1"),
        ("big", b"7F000001", "127.0.0.1"),
        ("little", b"B80D0120000000000000000001000000", "2001:db8::1"),
        ("big", b"20010DB8000000000000000000000001", "2001:db8::1"),
        ("little", b"0000000000000000FFFF00000A0200C0", "192.0.2.10"),
        ("big", b"00000000000000000000FFFFC000020A", "192.0.2.10"),
    ],
)
def test_an_address_is_words_in_the_order_of_the_machine(order: ByteOrder, words: bytes, shown: str) -> None:
    family = V4 if len(words) == 8 else V6
    line = b"0: %s:0016 %s:0016 01 00000000:00000000 00:00000000 00000000 0 0 5 1\n" % (words, words)
    found = one(line, family, TCP, order)
    assert address_text(family, found.src) == address_text(family, found.dst) == shown


def test_ipv6_with_a_timer_and_a_mapped_peer() -> None:
    found = one(LINE6, V6, TCP)
    assert (found.state, found.src_port, found.dst_port, found.send_queue) == (ESTABLISHED, 50000, 443, 10)
    assert address_text(V6, found.src) == "2001:db8::1"


def test_the_order_is_this_machines_unless_told() -> None:
    swapped = b"7F000001" if sys.byteorder == "big" else b"0100007F"
    (found,) = decode(LISTENER.replace(b"0100007F", swapped), V4, TCP).sockets
    assert address_text(V4, found.src) == "127.0.0.1"


@pytest.mark.parametrize(
    "line",
    [
        b"garbage",
        LISTENER[:70],
        LISTENER.replace(b":1F90", b":1F9"),
        LISTENER.replace(b"0100007F", b"0x00007F"),
        LISTENER.replace(b"0100007F", b"01 0007F"),
        LISTENER.replace(b" 4711 ", b" -1 "),
        LISTENER.replace(b" 4711 ", b" " + b"9" * 5000 + b" "),
        LINE6,
    ],
)
def test_what_is_no_line_is_counted_and_the_others_are_read(line: bytes) -> None:
    found = decode(HEADER + line.rstrip(b"\n") + b"\n" + LISTENER, V4, TCP)
    assert found.malformed == 1
    assert [sock.inode for sock in found.sockets] == [4711]


@given(
    text=st.one_of(
        st.binary(max_size=400),
        st.lists(st.sampled_from([HEADER, LISTENER, LINE6, DATAGRAM, b"\n", b"0: "])).map(b"".join),
        st.from_regex(rb" *[0-9]+: [0-9A-F]{8}:[0-9A-F]{4} [0-9A-F]{8}:[0-9A-F]{4} [0-9A-F]{2} .*"),
    ),
    family=st.sampled_from([V4, V6]),
    protocol=st.sampled_from([TCP, UDP]),
)
@example(text=LISTENER.replace(b" 0A ", b" FF "), family=V4, protocol=TCP)
def test_no_bytes_raise_and_every_line_is_accounted_for(text: bytes, family: int, protocol: int) -> None:
    found = decode(text, family, protocol)
    lines = [line for line in text.splitlines() if line.strip()]
    headers = sum(line.split(None, 2)[:2] == [b"sl", b"local_address"] for line in lines)
    assert len(found.sockets) + found.malformed + headers >= len(lines) - headers
    assert len(found.sockets) + found.malformed <= len(lines)
    assert all(len(sock.src) == len(sock.dst) == 16 for sock in found.sockets)
