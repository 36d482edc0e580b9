"""The sock_diag wire: requests byte by byte, messages built as the kernel builds them, and arbitrary bytes."""

import socket
import struct

import pytest
from fakes_netlink import DONE, ERROR, attribute, inet_message, message, tcp_info
from hypothesis import given
from hypothesis import strategies as st

from collectors import inet_diag
from collectors.inet_diag import Decoded, InetSocket, TcpInfo, decode

V4 = inet_diag.address_bytes("192.0.2.1")
V6 = inet_diag.address_bytes("2001:db8::1")


def only(decoded: Decoded) -> InetSocket:
    assert decoded.malformed == 0
    (found,) = decoded.sockets
    return found


def test_a_dump_request_is_as_the_kernel_reads_it() -> None:
    request = inet_diag.dump_request(socket.AF_INET6, inet_diag.UDP, inet_diag.state_mask(1, 7), info=True, sequence=9)

    assert struct.unpack_from("=IHHII", request) == (72, 20, 0x301, 9, 0)
    assert struct.unpack_from("=BBBBI", request, 16) == (10, 17, 2, 0, 0b10000010)
    assert request[24:] == bytes(48)


def test_requests_ask_for_tcp_info_only_where_it_is_wanted() -> None:
    for info in (False, True):
        dump = inet_diag.dump_request(socket.AF_INET, inet_diag.TCP, inet_diag.state_mask(1), info=info)
        exact = inet_diag.exact_request(socket.AF_INET, inet_diag.TCP, (V4, 443), info=info)
        assert dump[18] == exact[18] == (2 if info else 0)
    assert inet_diag.dump_request(2, 6, 2) == inet_diag.dump_request(2, 6, 2, info=False, sequence=1)
    assert inet_diag.exact_request(2, 6, (V4, 1)) == inet_diag.exact_request(2, 6, (V4, 1), info=False, sequence=1)


def test_an_exact_request_has_ports_and_addresses_in_network_order_and_asks_for_any_cookie() -> None:
    request = inet_diag.exact_request(socket.AF_INET, inet_diag.TCP, (V4, 443), (V4, 1))

    assert struct.unpack_from("=IHHII", request) == (72, 20, 0x001, 1, 0)
    assert request[24:28] == b"\x01\xbb\x00\x01"
    assert request[28:32] == b"\xc0\x00\x02\x01"
    assert request[64:] == b"\xff" * 8


def test_a_socket_is_decoded_with_its_ends_cookie_uid_inode_and_interface() -> None:
    found = only(
        decode(
            inet_message(
                src="192.0.2.1",
                src_port=50000,
                dst="192.0.2.9",
                dst_port=443,
                cookie=7,
                uid=1000,
                inode=4242,
                interface=3,
                queues=(5, 6),
            )
        )
    )

    assert (found.family, found.state, found.src_port, found.dst_port) == (
        socket.AF_INET,
        inet_diag.ESTABLISHED,
        50000,
        443,
    )
    assert (found.cookie, found.uid, found.inode, found.interface) == (7, 1000, 4242, 3)
    assert (found.receive_queue, found.send_queue) == (5, 6)
    assert inet_diag.address_text(found.family, found.src) == "192.0.2.1"
    assert inet_diag.address_text(found.family, found.dst) == "192.0.2.9"
    assert (found.protocol, found.info) == (None, None)


def test_attributes_give_protocol_and_tcp_info() -> None:
    info = tcp_info(rtt=900, total_retrans=2, bytes_acked=102, bytes_received=8, bytes_sent=110, bytes_retrans=10)
    found = only(decode(inet_message(attributes=attribute(8, b"\3") + attribute(10, b"\6") + attribute(2, info))))

    assert found.protocol == inet_diag.TCP
    assert found.info == TcpInfo(900, 2, 102, 8, 110, 10)


@pytest.mark.parametrize(
    ("attributes", "protocol"),
    [
        (attribute(10, b"\x11") + attribute(8, b"\3"), inet_diag.UDP),
        (attribute(10, b""), None),
        (attribute(10, b"") + attribute(8, b"\3"), None),
    ],
)
def test_a_protocol_comes_from_its_own_attribute(attributes: bytes, protocol: int | None) -> None:
    assert only(decode(inet_message(attributes=attributes))).protocol == protocol


@pytest.mark.parametrize(
    ("size", "known"),
    [
        (0, TcpInfo()),
        (103, TcpInfo()),
        (104, TcpInfo(1, 2)),
        (135, TcpInfo(1, 2)),
        (136, TcpInfo(1, 2, 3, 4)),
        (215, TcpInfo(1, 2, 3, 4)),
        (216, TcpInfo(1, 2, 3, 4, 5, 6)),
        (400, TcpInfo(1, 2, 3, 4, 5, 6)),
    ],
)
def test_tcp_info_is_read_by_its_length(size: int, known: TcpInfo) -> None:
    info = tcp_info(1, 2, 3, 4, 5, 6).ljust(400, b"\xaa")[:size]
    assert only(decode(inet_message(attributes=attribute(2, info)))).info == known


def test_several_messages_in_a_datagram_end_with_done() -> None:
    decoded = decode(inet_message(cookie=1) + inet_message(cookie=2) + DONE)

    assert [s.cookie for s in decoded.sockets] == [1, 2]
    assert (decoded.done, decoded.error, decoded.malformed) == (True, 0, 0)


@pytest.mark.parametrize("kind", [ERROR, inet_diag.NLMSG_DONE])
def test_errors_carry_the_errno(kind: int) -> None:
    decoded = decode(message(kind, struct.pack("=i", -2)))
    assert (decoded.done, decoded.error, decoded.malformed) == (True, 2, 0)


@pytest.mark.parametrize("kind", [ERROR, inet_diag.NLMSG_DONE])
def test_an_end_without_an_errno_is_no_error(kind: int) -> None:
    assert decode(inet_message() + message(kind))[1:] == (True, 0, False, 0)


def test_a_datagram_without_an_end_is_one_of_several() -> None:
    assert decode(inet_message(cookie=1))[1:] == (False, 0, False, 0)


def test_overrun_and_noop_are_known() -> None:
    decoded = decode(message(inet_diag.NLMSG_NOOP) + message(inet_diag.NLMSG_OVERRUN) + DONE)
    assert (decoded.overrun, decoded.done, decoded.malformed) == (True, True, 0)
    assert decode(message(inet_diag.NLMSG_OVERRUN))[1:] == (False, 0, True, 0)


def test_a_malformed_message_costs_only_itself() -> None:
    strange = [
        message(inet_diag.SOCK_DIAG_BY_FAMILY, bytes([socket.AF_INET]) + bytes(70)),  # shorter than inet_diag_msg
        inet_message(family=1),  # a family that is not asked for
        inet_message(attributes=struct.pack("=HH", 3, 2)),  # an attribute shorter than its header
        inet_message(attributes=struct.pack("=HH", 9000, 2)),  # one longer than its message
        inet_message(attributes=struct.pack("=HH", 5, 2)),  # by a byte
        message(77),  # a type that nobody sends
    ]
    decoded = decode(inet_message(cookie=4) + b"".join(strange) + inet_message(cookie=5) + DONE)

    assert [s.cookie for s in decoded.sockets] == [4, 5]
    assert (decoded.malformed, decoded.done) == (len(strange), True)


@pytest.mark.parametrize("length", [0, 15, 10_000, 0xFFFFFFFF])
def test_a_length_that_leads_nowhere_ends_the_datagram(length: int) -> None:
    decoded = decode(inet_message(cookie=1) + struct.pack("=IHHII", length, 20, 0, 0, 0) + inet_message(cookie=2))

    assert [s.cookie for s in decoded.sockets] == [1]
    assert decoded.malformed == 1
    assert decode(message(77) + struct.pack("=IHHII", length, 20, 0, 0, 0)).malformed == 2
    assert decode(message(77) + bytes(15)).malformed == 2


@given(st.binary(max_size=2000))
def test_arbitrary_bytes_never_raise_and_cost_what_they_are_long(data: bytes) -> None:
    decoded = decode(data)
    assert len(decoded.sockets) + decoded.malformed <= len(data) // 16 + 1


@given(st.binary(max_size=500))
def test_whatever_follows_a_message_does_not_change_it(rest: bytes) -> None:
    assert decode(inet_message(cookie=5) + rest).sockets[0].cookie == 5


@given(st.binary(min_size=72, max_size=600), st.sampled_from([2, 10]), st.lists(st.integers(0, 700), max_size=4))
def test_messages_with_arbitrary_content_give_addresses_that_can_be_shown(
    body: bytes, family: int, flips: list[int]
) -> None:
    data = bytearray(message(inet_diag.SOCK_DIAG_BY_FAMILY, bytes([family]) + body[1:]))
    for at in flips:
        data[at % len(data)] ^= 0xFF
    for found in decode(bytes(data)).sockets:
        assert inet_diag.address_text(found.family, found.src)
        assert inet_diag.is_loopback(found.family, found.dst) in (True, False)


DATAGRAM = (
    inet_message(cookie=1, attributes=attribute(2, tcp_info(1, 2, 3, 4, 5, 6)) + attribute(10, b"\6"))
    + inet_message(cookie=2, attributes=attribute(8, b"\3"))
    + message(inet_diag.NLMSG_OVERRUN)
    + DONE
)


@given(
    st.lists(st.tuples(st.integers(0, len(DATAGRAM) - 1), st.integers(0, 255)), max_size=8),
    st.integers(0, len(DATAGRAM)),
    st.binary(max_size=100),
)
def test_a_datagram_of_the_kernels_changed_at_will_is_bounded_and_can_be_shown(
    changes: list[tuple[int, int]], size: int, tail: bytes
) -> None:
    data = bytearray(DATAGRAM)
    for at, value in changes:
        data[at] = value
    changed = bytes(data[:size]) + tail
    decoded = decode(changed)

    assert len(decoded.sockets) + decoded.malformed <= len(changed) // 16 + 1
    for found in decoded.sockets:
        assert found.family in inet_diag.FAMILIES
        assert inet_diag.address_text(found.family, found.dst)


def test_a_datagram_that_ends_at_any_byte_gives_the_messages_before_it() -> None:
    ends = [len(DATAGRAM) - len(DONE) - 16 - len(inet_message(cookie=2, attributes=attribute(8, b"\3")))]
    ends.append(len(DATAGRAM) - len(DONE) - 16)
    for size in range(len(DATAGRAM)):
        assert len(decode(DATAGRAM[:size]).sockets) == sum(size >= end for end in ends)


@pytest.mark.parametrize(
    ("text", "shown", "loopback"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.255.0.9", "127.255.0.9", True),
        ("192.0.2.127", "192.0.2.127", False),
        ("::1", "::1", True),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        ("::ffff:192.0.2.5", "192.0.2.5", False),
        ("2001:db8::7f00:1", "2001:db8::7f00:1", False),
        ("::", "::", False),
    ],
)
def test_addresses_are_shown_and_told_apart(text: str, shown: str, loopback: bool) -> None:
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    raw = inet_diag.address_bytes(text)
    assert inet_diag.address_text(family, raw) == shown
    assert inet_diag.is_loopback(family, raw) is loopback


@pytest.mark.parametrize(
    ("text", "family", "on_the_wire"),
    [
        ("::ffff:192.0.2.5", socket.AF_INET, "192.0.2.5"),
        ("2001:db8::1", socket.AF_INET6, "2001:db8::1"),
        ("192.0.2.5", socket.AF_INET, "192.0.2.5"),
    ],
)
def test_a_mapped_address_is_the_one_on_the_wire(text: str, family: int, on_the_wire: str) -> None:
    given_as = socket.AF_INET6 if ":" in text else socket.AF_INET
    found = inet_diag.unmapped(given_as, inet_diag.address_bytes(text))
    assert found == (family, inet_diag.address_bytes(on_the_wire))


def test_bytes_that_look_mapped_are_an_ipv4_address_where_the_family_says_so() -> None:
    raw = inet_diag.MAPPED + bytes(4)
    assert inet_diag.unmapped(socket.AF_INET, raw) == (socket.AF_INET, raw)


@pytest.mark.parametrize(("text", "none"), [("0.0.0.0", True), ("::", True), ("::ffff:0.0.0.0", True), ("::1", False)])
def test_no_address(text: str, none: bool) -> None:
    assert inet_diag.is_unspecified(inet_diag.address_bytes(text)) is none
