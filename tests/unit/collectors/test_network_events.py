"""Payload sizes out of the kernel's counters, as they were seen on Linux 6.18, and what a flow says it lacks."""

import socket

import pytest

from collectors import network_events as events
from collectors.inet_diag import CLOSE, TCP, UDP, InetSocket, TcpInfo, address_bytes
from collectors.network_events import Payload, network_of, payload, was_opened_here
from collectors.socket_table import INBOUND, OUTBOUND, Ends, Known, Owner, known_of
from sensor.model.events import Event, Process, Timestamp
from sensor.model.kinds import Kind

ENDS = Ends(address_bytes("192.0.2.1"), 50000, address_bytes("198.51.100.7"), 443)
NOW = Timestamp(1_700_000_000_000_000_000)


def info(acked: int, received: int, sent: int, again: int = 0) -> TcpInfo:
    return TcpInfo(40, 0, acked, received, sent, again)


@pytest.mark.parametrize(
    ("how", "counters", "inbound", "expected"),
    [
        ("client closes first, server answers at once", info(102, 8, 100), False, Payload(7, 100)),
        ("the server of that", info(8, 101, 7), True, Payload(100, 7)),
        ("100 of 300 sent bytes were sent again", info(202, 8, 300, 100), False, Payload(7, 200)),
        ("nothing was carried", info(2, 1, 0), False, Payload(0, 0)),
        ("the server of nothing", info(1, 1, 0), True, Payload(0, 0)),
        ("the peer reset it: no FIN either way", info(7, 100, 7), True, Payload(100, 7)),
        ("we closed with data unread, which resets", info(101, 9, 100), False, Payload(9, 100)),
        ("the last 50 bytes were never acknowledged", info(51, 9, 100), False, Payload(9, 100)),
        ("closed before the handshake was done", info(0, 0, 0), False, Payload(0, 0)),
        ("Linux before 4.19 counts no sent bytes", TcpInfo(40, 0, 102, 8), False, Payload(7, 100)),
        ("Linux before 4.1 counts nothing", TcpInfo(40, 0), False, Payload(None, None)),
    ],
)
def test_payload(how: str, counters: TcpInfo, inbound: bool, expected: Payload) -> None:
    assert payload(counters, inbound=inbound) == expected, how


def test_our_syn_and_fin_prove_that_we_connected() -> None:
    assert was_opened_here(info(102, 8, 100))
    assert not was_opened_here(info(8, 101, 7))
    assert not was_opened_here(TcpInfo(40, 0, 102, 8))


def end(
    dst_port: int = 443, src: str = "192.0.2.1", dst: str = "192.0.2.9", counters: TcpInfo | None = None
) -> InetSocket:
    return InetSocket(
        socket.AF_INET, CLOSE, 50000, dst_port, address_bytes(src), address_bytes(dst), 0, 7, 0, 0, 0, 0, TCP, counters
    )


def known(direction: str = OUTBOUND, protocol: int = TCP, **facts: object) -> Known:
    made = known_of(end(), protocol, 1.0)
    made.direction = direction
    for name, value in facts.items():
        setattr(made, name, value)
    return made


def lacks(event: Event) -> dict[str, str]:
    return {m.field: m.reason for m in event.evidence.missing}


def test_a_flow_says_what_it_lacks_and_why() -> None:
    event = events.ended(end(counters=info(102, 8, 100)), known(), None, NOW, was_known=False)

    assert event.kind is Kind.NETWORK_FLOW
    assert event.network is not None
    assert (event.network.bytes_in, event.network.bytes_out, event.network.outcome) == (7, 100, "established")
    assert (event.network.rtt_us, event.network.retransmits, event.network.owner_evidence) == (40, 0, None)
    assert lacks(event) == {
        "process": "ended before anybody looked",
        "network.duration_ms": "its beginning was not seen",
    }


def test_a_flow_with_everything_lacks_nothing() -> None:
    before = known(INBOUND, established=True, owner=Owner(Process("e", 5), "c1"))
    event = events.ended(end(counters=info(8, 101, 7)), before, 1.5, NOW)

    assert lacks(event) == {}
    assert event.network is not None
    assert (event.network.duration_ms, event.network.owner_evidence) == (1500.0, "descriptor")
    assert event.process == Process("e", 5)
    assert event.container is not None
    assert event.container.id == "c1"


def test_an_aborted_connection_gets_its_ends_back_from_the_table() -> None:
    cleared = end(dst_port=0, src="0.0.0.0", counters=TcpInfo(0, 0, 0, 0, 0, 0))
    event = events.ended(cleared, known(established=True, looks=1), 2, NOW)

    assert event.network is not None
    assert (event.network.src, event.network.dst_port, event.network.outcome) == ("192.0.2.1", 443, "reset")
    assert (event.network.bytes_in, event.network.retransmits) == (None, None)
    assert lacks(event) == {
        "network.bytes_in": "cleared by the kernel",
        "network.bytes_out": "cleared by the kernel",
        "process": "nobody readable holds the socket",
    }


def test_without_packets_a_refused_connect_keeps_only_its_address() -> None:
    cleared = end(dst_port=0, src="0.0.0.0", counters=TcpInfo(0, 0, 0, 0, 0, 0))
    before = known_of(cleared, TCP, None)
    before.direction = OUTBOUND
    event = events.ended(cleared, before, None, NOW, was_known=False)

    assert event.network is not None
    assert (event.network.dst, event.network.dst_port, event.network.outcome) == ("192.0.2.9", None, None)
    assert {"network.src", "network.dst_port", "network.outcome", "network.bytes_in"} <= lacks(event).keys()


@pytest.mark.parametrize(
    ("facts", "outcome", "sizes"),
    [
        ({"refused": True}, "refused", (0, 0)),
        ({}, "timed_out", (0, 0)),
        ({"unsure": True}, None, (None, None)),
        ({"direction": INBOUND}, None, (None, None)),
        ({"established": True, "reset": True}, "reset", (None, None)),
    ],
)
def test_whose_syn_was_seen_has_an_outcome(
    facts: dict[str, object], outcome: str | None, sizes: tuple[int | None, int | None]
) -> None:
    cleared = end(dst_port=0, src="0.0.0.0", counters=TcpInfo(0, 0, 0, 0, 0, 0))
    event = events.ended(cleared, known(**{"at": NOW, **facts}), 0.5, NOW)

    assert event.network is not None
    assert event.network.outcome == outcome
    assert (event.network.dst, event.network.dst_port) == ("192.0.2.9", 443)
    assert (event.network.bytes_in, event.network.bytes_out) == sizes
    assert ("network.outcome" in lacks(event)) is (outcome is None)


def test_a_reset_from_the_other_end_leaves_the_bytes() -> None:
    event = events.ended(end(counters=info(101, 9, 100)), known(at=NOW, established=True, reset=True), 0.5, NOW)

    assert event.network is not None
    assert (event.network.outcome, event.network.bytes_out) == ("reset", 100)


def test_udp_has_no_bytes_and_no_outcome() -> None:
    event = events.ended(end(), known(protocol=UDP), None, NOW)

    assert event.network is not None
    assert (event.network.transport, event.network.bytes_in, event.network.outcome) == ("udp", None, None)
    assert lacks(event)["network.bytes_out"] == "unsupported"
    assert "network.outcome" not in lacks(event)


@pytest.mark.parametrize(
    ("dst", "scope", "marks"),
    [
        ("169.254.170.2", "link_local", ("task_metadata",)),
        ("169.254.170.23", "link_local", ("pod_identity",)),
        ("169.254.169.254", "link_local", ("instance_metadata",)),
        ("10.0.0.2", "private", ()),
        ("192.0.2.9", "public", ()),
    ],
)
def test_a_destination_says_where_it_lies_and_what_it_is(dst: str, scope: str, marks: tuple[str, ...]) -> None:
    before = known_of(end(dst=dst), TCP, 1.0)
    event = events.connected(before, NOW)

    assert event.network is not None
    assert (event.network.scope, event.network.marks) == (scope, marks)


@pytest.mark.parametrize(("count", "bound"), [(12, "exact"), (None, "unknown")])
def test_a_loss_is_told_with_what_is_known_of_its_size(count: int | None, bound: str) -> None:
    event = events.lost("netlink_overflow", count, "network_sockdiag", NOW)

    assert event.loss is not None
    assert (event.kind, event.loss.bound, event.loss.count) == (Kind.SENSOR_LOSS, bound, count)


def test_the_texts_of_ends_are_made_once_for_all_that_is_told_of_them() -> None:
    known = Known(socket.AF_INET, TCP, ENDS, None, direction=OUTBOUND)
    first = network_of(known)
    made = events.address_of.cache_info().misses
    assert [network_of(known), network_of(known)] == [first, first]
    assert events.address_of.cache_info().misses == made
