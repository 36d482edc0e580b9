"""What dumps and ends of sockets become: events, owners, directions, and what is left out."""

import pytest
from network_scene import CLOSED_BY_SERVER, ended, listener, sock, udp
from network_scene import NetworkScene as Scene

from collectors.inet_diag import ESTABLISHED, SYN_SENT, TCP, TcpInfo
from sensor.model.events import Network


def test_a_connection_is_told_once_with_its_owner_and_container() -> None:
    scene = Scene()
    owner = scene.task.add(42, "c1", sockets=[100])
    scene.dump(sock())
    scene.dump(sock())

    (event,) = scene.emitted.of("network.connect")
    assert event.process == owner
    assert event.container is not None
    assert event.container.id == "c1"
    assert event.evidence.missing == ()
    assert event.network == Network(
        "outbound", "tcp", "192.0.2.1", 50000, "198.51.100.7", 443, outcome="established",
        owner_evidence="descriptor", scope="public",
    )  # fmt: skip
    assert scene.task.owner_lookups == [100]


def test_events_carry_the_wall_clock() -> None:
    scene = Scene()
    scene.task.add(42, sockets=[100])
    scene.clock.jump(-3600)
    now = scene.clock.wall()
    scene.dump(sock())

    assert scene.emitted.events[0].time == now


def test_a_connection_that_is_still_being_opened_has_no_outcome() -> None:
    scene = Scene()
    scene.task.add(42, sockets=[100])
    scene.dump(sock(state=SYN_SENT))

    assert scene.networks("network.connect")[0].outcome is None


def test_a_listener_is_told_and_makes_its_connections_inbound() -> None:
    scene = Scene()
    scene.task.add(42, sockets=[100, 500])
    scene.dump(sock(src_port=8080, dst_port=51000), listener())

    assert scene.networks("network.listen")[0] == Network("listen", "tcp", "0.0.0.0", 8080, owner_evidence="descriptor")
    assert scene.networks("network.connect")[0].direction == "inbound"


def test_a_connection_that_nobody_has_accepted_waits_a_round_for_its_owner() -> None:
    scene = Scene()
    scene.task.add(42, sockets=[100])
    scene.dump(sock(inode=0))
    assert scene.emitted.events == []

    scene.dump(sock(inode=100))
    assert scene.emitted.events[0].process is not None


def test_a_connection_that_nobody_has_accepted_for_longer_says_so() -> None:
    scene = Scene()
    for _ in range(2):
        scene.dump(sock(inode=0))
    (event,) = scene.emitted.of("network.connect")
    assert [(m.field, m.reason) for m in event.evidence.missing] == [("process", "not accepted yet")]


def test_an_owner_that_is_not_found_is_named_as_missing_and_looked_for_three_times() -> None:
    scene = Scene()
    for _ in range(5):
        scene.dump(sock())

    (event,) = scene.emitted.events
    assert (event.process, event.network and event.network.owner_evidence) == (None, None)
    assert [(m.field, m.reason) for m in event.evidence.missing] == [("process", "nobody readable holds the socket")]
    assert len(scene.task.owner_lookups) == 3


def test_a_flow_remembers_the_owner_and_the_time_since_the_dump_that_saw_it_first() -> None:
    scene = Scene()
    scene.task.add(42, sockets=[100])
    scene.dump()
    scene.dump(sock())
    scene.task.end(42)
    scene.clock.advance(0.5)
    scene.tracker.end(ended(sock()))

    (event,) = scene.emitted.of("network.flow")
    assert event.process is not None
    assert event.process.pid == 42
    (network,) = scene.networks("network.flow")
    assert (network.duration_ms, network.bytes_in, network.bytes_out) == (1500.0, 7, 100)


@pytest.mark.parametrize("before", ["first dump", "dump that failed in part"])
def test_what_may_be_older_than_its_first_dump_has_no_duration(before: str) -> None:
    scene = Scene()
    if before != "first dump":
        scene.dump(whole=False)
    scene.dump(sock())
    scene.tracker.end(ended(sock()))

    assert scene.networks("network.flow")[0].duration_ms is None


def test_a_short_connection_is_a_flow_without_its_process() -> None:
    scene = Scene()
    scene.dump()
    scene.tracker.end(ended(sock()))

    (event,) = scene.emitted.events
    assert event.process is None
    assert ("process", "ended before anybody looked") in [(m.field, m.reason) for m in event.evidence.missing]


def test_an_unknown_port_is_asked_for_once_and_then_known_as_a_listeners() -> None:
    scene = Scene()
    scene.served_ports = {8080}
    for cookie in (1, 2):
        scene.tracker.end(ended(sock(cookie, src_port=8080, dst_port=51000), CLOSED_BY_SERVER))

    assert [n.direction for n in scene.networks("network.flow")] == ["inbound", "inbound"]
    assert [n.bytes_in for n in scene.networks("network.flow")] == [100, 100]
    assert scene.asked == [8080]


def test_our_own_syn_outweighs_a_listener_on_the_same_port() -> None:
    scene = Scene()
    scene.task.add(42, sockets=[500])
    scene.dump(listener(port=50000))
    scene.tracker.end(ended(sock(src_port=50000)))

    assert scene.networks("network.flow")[0].direction == "outbound"


def test_a_listeners_port_is_forgotten_a_minute_after_it_was_seen_last() -> None:
    scene = Scene()
    scene.dump(listener())
    scene.clock.advance(61)
    scene.dump()
    scene.tracker.end(ended(sock(src_port=8080), CLOSED_BY_SERVER))

    assert scene.asked == [8080]


def test_the_end_of_a_listener_or_of_an_unused_socket_is_no_flow() -> None:
    scene = Scene()
    scene.task.add(42, sockets=[500])
    scene.dump(listener())
    scene.tracker.end(ended(listener()))
    scene.tracker.end(ended(sock(src_port=0, dst="0.0.0.0", dst_port=0)))
    scene.tracker.end(ended(udp(src_port=0)))

    assert scene.emitted.of("network.flow") == []


@pytest.mark.parametrize(
    ("ends", "shown"),
    [
        (("127.0.0.1", 50000, "127.0.0.1", 8080), False),
        (("::1", 50000, "::1", 8080), False),
        (("::ffff:127.0.0.1", 50000, "::ffff:127.0.0.1", 8080), False),
        (("127.0.0.1", 50000, "127.0.0.53", 53), True),
        (("127.0.0.53", 53, "127.0.0.1", 50000), True),
        (("192.0.2.1", 50000, "192.0.2.1", 8080), True),
    ],
)
def test_loopback_is_left_out_dns_and_own_addresses_excepted(ends: tuple[str, int, str, int], shown: bool) -> None:
    for loopback in (False, True):
        scene = Scene(loopback=loopback)
        scene.task.add(42, sockets=[100])
        one = sock(1, 100, ESTABLISHED, *ends)
        scene.dump(one)
        scene.tracker.end(ended(one))

        kinds = [event.kind for event in scene.emitted.events]
        assert kinds == (["network.connect", "network.flow"] if shown or loopback else [])


def test_a_loopback_listener_is_left_out_but_its_port_is_known() -> None:
    scene = Scene()
    scene.dump(listener(src="127.0.0.1"))
    scene.tracker.end(ended(sock(src_port=8080), CLOSED_BY_SERVER))

    assert scene.emitted.of("network.listen") == []
    assert scene.networks("network.flow")[0].direction == "inbound"


@pytest.mark.parametrize("how", ["cookie", "inode", "pid"])
def test_the_sensors_own_sockets_are_counted_and_never_told(how: str) -> None:
    scene = Scene()
    scene.task.add(42, sockets=[100])
    if how == "cookie":
        scene.own.cookies.add(1)
    elif how == "inode":
        scene.own.inodes.add(100)
    else:
        scene.task.own.add(42)
    for _ in range(3):
        scene.dump(sock())
    scene.tracker.end(ended(sock()))

    assert scene.emitted.events == []
    assert scene.counters.seen == {"own_sockets": 1}


def test_an_own_socket_that_no_dump_saw_is_known_by_its_cookie() -> None:
    scene = Scene()
    scene.own.cookies.add(1)
    scene.tracker.end(ended(sock()))

    assert scene.emitted.events == []
    assert scene.counters.seen == {"own_sockets": 1}


def test_own_descriptors_are_looked_at_only_when_something_is_new() -> None:
    scene = Scene()
    scene.task.add(42, sockets=[100])
    for _ in range(3):
        scene.dump(sock())

    assert scene.own.looks == 1


def test_a_connected_udp_socket_is_a_connection_and_a_flow() -> None:
    scene = Scene()
    scene.task.add(42, sockets=[101])
    one = udp(dst="198.51.100.7", dst_port=443, src="192.0.2.1")
    scene.dump(one)
    scene.tracker.end(ended(one))

    assert [n.transport for n in scene.networks("network.connect") + scene.networks("network.flow")] == ["udp", "udp"]
    assert scene.networks("network.flow")[0].dst == "198.51.100.7"


def test_an_unconnected_udp_socket_listens_unless_the_kernel_chose_its_port() -> None:
    scene = Scene()
    scene.task.add(42, sockets=[101, 102])
    scene.dump(udp(1, src_port=5353), udp(2, src_port=40000))

    assert [n.src_port for n in scene.networks("network.listen")] == [5353]
    assert scene.emitted.of("network.connect") == []


def test_the_port_of_a_datagram_socket_that_the_kernel_chose_is_no_listeners() -> None:
    scene = Scene()
    scene.dump(udp(1, src_port=40000))
    scene.tracker.end(ended(udp(2, src_port=40000, dst="198.51.100.7", dst_port=443, src="192.0.2.1")))
    assert [network.direction for network in scene.networks("network.flow")] == ["outbound"]


def test_an_aborted_connection_that_a_dump_saw_is_reset_and_keeps_its_ends() -> None:
    scene = Scene()
    scene.task.add(42, sockets=[100])
    scene.dump(sock())
    scene.tracker.end(ended(sock(src="0.0.0.0", dst_port=0), TcpInfo(0, 0, 0, 0, 0, 0)))

    (network,) = scene.networks("network.flow")
    assert (network.src, network.dst, network.dst_port) == ("192.0.2.1", "198.51.100.7", 443)
    assert (network.outcome, network.bytes_out) == ("reset", None)


def test_a_socket_that_ends_before_its_owner_was_looked_for_is_not_told_as_open() -> None:
    scene = Scene()
    scene.task.add(42, sockets=[100])
    scene.tracker.begin()
    scene.tracker.see(sock(), TCP)
    scene.tracker.finish(whole=True, forget=False)
    scene.tracker.end(ended(sock()))
    assert scene.tracker.settle()
    assert not scene.tracker.settle()

    assert [event.kind for event in scene.emitted.events] == ["network.flow"]
    assert scene.task.owner_lookups == []


def test_a_closed_socket_that_is_still_held_keeps_its_owner_until_its_end() -> None:
    scene = Scene()
    scene.task.add(42, sockets=[100])
    scene.dump(sock())
    scene.dump()
    scene.tracker.end(ended(sock()))

    assert scene.emitted.of("network.flow")[0].process is not None


def test_after_a_loss_what_a_dump_does_not_show_is_forgotten() -> None:
    scene = Scene()
    scene.task.add(42, sockets=[100])
    scene.dump(sock())
    scene.dump(forget=True)
    scene.tracker.end(ended(sock()))

    assert scene.emitted.of("network.flow")[0].process is None


def test_a_dump_that_failed_in_part_forgets_nothing() -> None:
    scene = Scene()
    scene.task.add(42, sockets=[100])
    scene.dump(sock())
    scene.dump(whole=False, forget=True)
    scene.tracker.end(ended(sock()))

    assert scene.emitted.of("network.flow")[0].process is not None


def test_a_full_table_is_counted_and_tells_nothing_twice() -> None:
    scene = Scene(limit=2)
    for pid in range(5):
        scene.task.add(pid, sockets=[100 + pid])
    for _ in range(3):
        scene.dump(*[sock(cookie, 100 + cookie) for cookie in range(5)])

    assert len(scene.emitted.of("network.connect")) == 2
    assert scene.counters.losses == {"network_table_full": 3}
