"""Our decoder against pyroute2's: on the same bytes from this kernel, and in what a dump lists."""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing

import pytest
from pyroute2 import DiagSocket
from pyroute2.netlink.diag import inet_diag_msg

from collectors import inet_diag, netlink_socket
from collectors.inet_diag import LISTEN, TCP, UDP, InetSocket, TcpInfo, address_text, decode
from collectors.socket_questions import SocketQuestions
from collectors.socket_table import Ends
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters

pytestmark = pytest.mark.kernel

ALL_STATES = 0xFFF
ENDS = [
    (socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1"),
    (socket.AF_INET6, socket.SOCK_STREAM, "::1"),
    (socket.AF_INET, socket.SOCK_DGRAM, "127.0.0.1"),
    (socket.AF_INET6, socket.SOCK_DGRAM, "::1"),
]


@pytest.fixture(autouse=True)
def live() -> Iterator[list[socket.socket]]:
    """A listener and both ends of a connection that carried something, TCP and UDP, IPv4 and IPv6."""
    opened: list[socket.socket] = []
    for family, kind, address in ENDS:
        server, client = socket.socket(family, kind), socket.socket(family, kind)
        opened += [server, client]
        server.bind((address, 0))
        if kind == socket.SOCK_STREAM:
            server.listen()
        client.connect(server.getsockname())
        client.send(b"x" * 1000)
        if kind == socket.SOCK_STREAM:
            opened.append(server.accept()[0])
    yield opened
    for one in opened:
        one.close()


def raw_dump(family: int, protocol: int) -> bytes:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, netlink_socket.NETLINK_SOCK_DIAG) as asking:
        asking.send(inet_diag.dump_request(family, protocol, ALL_STATES, info=True))
        data = b""
        while not decode(data).done:
            data += asking.recv(netlink_socket.DATAGRAM)
    return data


def theirs(data: bytes) -> Iterator[inet_diag_msg]:
    """pyroute2's reading of each message in a dump."""
    offset = 0
    while struct.unpack_from("=H", data, offset + 4)[0] == inet_diag.SOCK_DIAG_BY_FAMILY:
        message = inet_diag_msg(data, offset=offset)
        message.decode()
        yield message
        offset += (message["header"]["length"] + 3) & ~3


@pytest.mark.parametrize("family", inet_diag.FAMILIES)
@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_the_same_bytes_mean_the_same(family: int, protocol: int) -> None:
    data = raw_dump(family, protocol)
    decoded = decode(data)
    compared = list(zip(decoded.sockets, theirs(data), strict=True))

    assert decoded.malformed == 0
    assert len(compared) >= 2
    for ours, other in compared:
        assert _facts(ours) == _their_facts(other)
        assert ours.info == _their_info(other)


def _facts(sock: InetSocket) -> tuple[object, ...]:
    ends = (address_text(sock.family, sock.src), sock.src_port, address_text(sock.family, sock.dst), sock.dst_port)
    queues = (sock.receive_queue, sock.send_queue)
    return (sock.family, sock.state, ends, sock.interface, sock.cookie, queues, sock.uid, sock.inode)


def _their_facts(message: inet_diag_msg) -> tuple[object, ...]:
    ends = (
        message["idiag_src"].removeprefix("::ffff:"),
        message["idiag_sport"],
        message["idiag_dst"].removeprefix("::ffff:"),
        message["idiag_dport"],
    )
    queues = (message["idiag_rqueue"], message["idiag_wqueue"])
    rest = tuple(message[f"idiag_{name}"] for name in ("uid", "inode"))
    return (
        message["idiag_family"],
        message["idiag_state"],
        ends,
        message["idiag_if"],
        message["idiag_cookie"],
        queues,
        *rest,
    )


def _their_info(message: inet_diag_msg) -> TcpInfo | None:
    info = message.get_attr("INET_DIAG_INFO")
    if info is None:
        return None
    names = ("rtt", "total_retrans", "bytes_acked", "bytes_received", "bytes_sent", "bytes_retrans")
    return TcpInfo(*(info[f"tcpi_{name}"] for name in names))


@pytest.mark.parametrize("family", inet_diag.FAMILIES)
@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_a_dump_lists_what_pyroute2_lists(live: list[socket.socket], family: int, protocol: int) -> None:
    mine = {os.fstat(one.fileno()).st_ino for one in live}
    states = netlink_socket.OPEN_STATES[protocol]
    with DiagSocket() as asking:
        asking.bind()
        listed = {s["idiag_inode"] for s in asking.get_sock_stats(family=family, protocol=protocol, states=states)}
    ours = {s.inode for decoded in netlink_socket.dump(family, protocol) for s in decoded.sockets}

    assert len(ours & mine) == (3 if protocol == TCP else 2)
    assert ours & mine == listed & mine


def test_a_listener_is_found_by_the_end_it_serves_while_it_is_open(live: list[socket.socket]) -> None:
    listeners = [s for s in live if s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)]
    for one in listeners:
        family, (address, port) = one.family, one.getsockname()[:2]
        served = Ends(inet_diag.address_bytes(address), port, bytes(16), 0)
        with closing(SocketQuestions(Counters(), SystemClock())) as questions:
            found = questions.find(family, TCP, served)
            assert found is not None
            assert (found.state, found.inode) == (LISTEN, os.fstat(one.fileno()).st_ino)
            one.close()
            assert questions.find(family, TCP, served) is None
    assert len(listeners) == 2


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_an_exact_question_finds_the_one_socket_with_these_ends(live: list[socket.socket], protocol: int) -> None:
    kind = socket.SOCK_STREAM if protocol == TCP else socket.SOCK_DGRAM
    connected = [s for s in live if s.type == kind and _peer(s)]
    with closing(SocketQuestions(Counters(), SystemClock())) as questions:
        for one in connected:
            (src, src_port), (dst, dst_port) = one.getsockname()[:2], one.getpeername()[:2]
            ends = Ends(inet_diag.address_bytes(src), src_port, inet_diag.address_bytes(dst), dst_port)
            found = questions.find(one.family, protocol, ends)
            assert found is not None
            assert found.inode == os.fstat(one.fileno()).st_ino
    assert connected


def _peer(one: socket.socket) -> bool:
    try:
        return bool(one.getpeername())
    except OSError:
        return False


def test_a_refused_dump_is_an_error_with_its_reason() -> None:
    with pytest.raises(OSError, match="sock_diag refuses a dump"):
        list(netlink_socket.dump(socket.AF_INET, 253, 1 << LISTEN))
