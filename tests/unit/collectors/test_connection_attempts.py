"""Connections from their first packet on: owners, answers, and when they are told."""

import pytest
from network_scene import CLOSED_BY_SERVER, NetworkScene, ended, ends_of, listener, segment, sock

from collectors.attribution import LOOKUPS_SAVED, RECENT_S
from collectors.connection_attempts import LOOK_S, MOST_PENDING, ORPHAN_S
from collectors.inet_diag import ESTABLISHED, SYN_SENT, TIME_WAIT, InetSocket, TcpInfo
from collectors.socket_table import Known
from sensor.model.events import Event, Timestamp
from sensor.model.protocols import Recent

SYN, SYN_ACK, RST = 0x02, 0x12, 0x14
OUT = sock(state=SYN_SENT)
IN = sock(src_port=8080, dst_port=51000)


@pytest.fixture
def scene() -> NetworkScene:
    made = NetworkScene()
    made.task.add(42, "c1", sockets=[100, 500])
    return made


def opens(scene: NetworkScene, one: InetSocket = OUT, *, there: bool = True) -> None:
    """The task opens a connection; `there`: the kernel still knows its socket."""
    if there:
        scene.sockets[ends_of(one)] = one
    scene.attempts.opened(segment(one, SYN), scene.telling.now(), sent=True, within=False)


def comes_in(scene: NetworkScene, one: InetSocket = IN) -> None:
    scene.attempts.opened(segment(one, SYN, back=True), scene.telling.now(), sent=False, within=False)


def answers(scene: NetworkScene, one: InetSocket = OUT, flags: int = SYN_ACK) -> None:
    scene.attempts.answered(segment(one, flags, back=True))


def told(scene: NetworkScene, kind: str = "network.connect") -> Event:
    (event,) = scene.emitted.of(kind)
    return event


def at_last(scene: NetworkScene, kind: str = "network.flow") -> Event:
    """What is told when nothing is waited for any more."""
    scene.attempts.flush()
    return told(scene, kind)


def owner(event: Event) -> tuple[int | None, str | None]:
    return event.process.pid if event.process else None, event.network.owner_evidence if event.network else None


def test_a_connect_is_told_once_it_is_answered_with_who_held_it_when_it_began(scene: NetworkScene) -> None:
    began = scene.clock.wall()
    opens(scene)
    scene.task.end(42)
    answers(scene)
    scene.wait(LOOK_S[1])
    scene.wait(1)

    event = told(scene)
    assert owner(event) == (42, "descriptor")
    assert event.network is not None
    assert (event.network.outcome, event.network.direction, event.network.dst_port) == ("established", "outbound", 443)
    assert (event.time, event.evidence.source) == (began, "packet_tap")


def test_a_refused_connect_keeps_its_destination_though_the_kernel_clears_it(scene: NetworkScene) -> None:
    opens(scene)
    answers(scene, flags=RST)
    scene.wait(LOOK_S[0])
    scene.tracker.end(ended(sock(src="0.0.0.0", dst_port=0), TcpInfo(0, 0, 0, 0, 0, 0)))

    for kind in ("network.connect", "network.flow"):
        network = told(scene, kind).network
        assert network is not None
        assert (network.dst, network.dst_port, network.outcome) == ("198.51.100.7", 443, "refused")


def test_a_refused_connect_that_was_gone_before_the_look_is_found_by_its_port(scene: NetworkScene) -> None:
    opens(scene, there=False)
    answers(scene, flags=RST)
    scene.tracker.end(ended(sock(cookie=9, src="0.0.0.0", dst_port=0), TcpInfo(0, 0, 0, 0, 0, 0)))

    network = at_last(scene).network
    assert network is not None
    assert (network.dst_port, network.outcome) == (443, "refused")
    assert scene.emitted.events[0].kind == "network.connect"


def test_without_an_answer_it_is_told_after_half_a_second_and_has_timed_out_at_its_end(scene: NetworkScene) -> None:
    opens(scene)
    for _ in range(4):
        assert scene.emitted.events == []
        scene.wait(LOOK_S[-1] / 4)
    connect = told(scene).network
    scene.clock.advance(2)
    scene.tracker.end(ended(sock(src="0.0.0.0", dst_port=0), TcpInfo(0, 0, 0, 0, 0, 0)))

    flow = told(scene, "network.flow").network
    assert connect is not None
    assert flow is not None
    assert (connect.outcome, flow.outcome, flow.duration_ms) == (None, "timed_out", 2500.0)


def test_lost_packets_leave_the_outcome_open(scene: NetworkScene) -> None:
    opens(scene)
    scene.attempts.answers_lost()
    scene.tracker.end(ended(sock(src="0.0.0.0", dst_port=0), TcpInfo(0, 0, 0, 0, 0, 0)))

    flow = told(scene, "network.flow")
    assert flow.network is not None
    assert flow.network.outcome is None
    assert ("network.outcome", "its answer was not seen") in [(m.field, m.reason) for m in flow.evidence.missing]


def test_a_syn_that_is_sent_again_is_the_same_connection(scene: NetworkScene) -> None:
    for _ in range(3):
        opens(scene)
    scene.wait(1)
    opens(scene)
    scene.wait(1)

    assert told(scene)


def test_an_inbound_connection_has_its_owner_once_it_was_accepted(scene: NetworkScene) -> None:
    comes_in(scene)
    scene.sockets[ends_of(IN)] = IN._replace(inode=0)
    scene.wait(LOOK_S[0])
    assert scene.emitted.events == []

    scene.sockets[ends_of(IN)] = IN
    scene.wait(LOOK_S[1])
    event = told(scene)
    assert owner(event) == (42, "descriptor")
    assert event.network is not None
    assert (event.network.direction, event.network.src_port, event.network.outcome) == ("inbound", 8080, "established")


def test_an_inbound_connection_that_was_over_before_the_look_belongs_to_the_listener(scene: NetworkScene) -> None:
    scene.sockets[ends_of(listener())] = listener()
    comes_in(scene)
    scene.tracker.end(ended(IN, CLOSED_BY_SERVER))

    for kind in ("network.connect", "network.flow"):
        assert owner(told(scene, kind)) == (42, "recent")


def test_what_comes_to_a_listener_of_the_sensors_belongs_to_nobody(scene: NetworkScene) -> None:
    scene.task.own.add(42)
    scene.sockets[ends_of(listener())] = listener()
    comes_in(scene)
    scene.tracker.end(ended(IN, CLOSED_BY_SERVER))
    scene.attempts.flush()

    for kind in ("network.connect", "network.flow"):
        assert owner(told(scene, kind)) == (None, None)


def test_an_outbound_one_that_was_over_belongs_to_the_last_of_the_same_destination_for_a_while(
    scene: NetworkScene,
) -> None:
    opens(scene)
    later = sock(cookie=2, src_port=50002)
    opens(scene, later, there=False)
    scene.tracker.end(ended(later))
    assert owner(at_last(scene)) == (42, "recent")

    scene.emitted.events.clear()
    scene.clock.advance(RECENT_S + 1)
    last = sock(cookie=3, src_port=50003)
    opens(scene, last, there=False)
    scene.tracker.end(ended(last))
    assert owner(at_last(scene)) == (None, None)


def test_a_process_that_had_ended_before_is_not_the_next_ones_owner(scene: NetworkScene) -> None:
    opens(scene)
    scene.task.dead.append(
        ("c1", Recent(scene.task.processes[42], scene.clock.monotonic(), scene.task.processes[42].start))
    )
    scene.clock.advance(0.01)
    later = sock(cookie=2, src_port=50002)
    opens(scene, later, there=False)
    scene.tracker.end(ended(later))

    assert owner(at_last(scene)) == (None, None)


def test_a_process_that_started_later_is_not_an_earlier_ones_owner(scene: NetworkScene) -> None:
    first = sock(cookie=2, src_port=50002)
    opens(scene, first, there=False)
    scene.tracker.end(ended(first))
    scene.clock.advance(0.2)
    scene.task.processes[42] = scene.task.processes[42]._replace(start=Timestamp(scene.clock.wall()))
    opens(scene)

    assert owner(at_last(scene)) == (None, None)


@pytest.mark.parametrize(("age", "expected"), [(0.002, (43, "recent")), (0.2, (None, None))])
def test_who_had_only_just_started_is_taken_for_the_owner_of_a_connection_of_a_moment(
    scene: NetworkScene, age: float, expected: tuple[int | None, str | None]
) -> None:
    started = scene.task.add(43, "c1")
    scene.task.processes[43] = started._replace(start=Timestamp(scene.clock.wall()))
    scene.task.processes[42] = scene.task.processes[42]._replace(start=Timestamp(scene.clock.wall() - 10**10))
    scene.clock.advance(age)
    opens(scene, there=False)
    scene.tracker.end(ended(OUT))

    assert owner(at_last(scene)) == expected


def test_the_end_of_a_connection_without_an_owner_waits_for_the_next_to_show_it(scene: NetworkScene) -> None:
    first = sock(cookie=2, src_port=50002)
    opens(scene, first, there=False)
    scene.clock.advance(0.01)
    scene.tracker.end(ended(first))
    assert scene.emitted.events == []
    over = scene.clock.wall()
    opens(scene)
    scene.wait(ORPHAN_S)

    flow = told(scene, "network.flow")
    assert owner(flow) == (42, "recent")
    assert (flow.time, flow.network and flow.network.duration_ms) == (over, 10.0)
    connects = {e.network.src_port: owner(e) for e in scene.emitted.of("network.connect") if e.network}
    assert connects[50002] == (42, "recent")


def test_what_stands_in_a_closed_sockets_place_is_not_taken_for_it(scene: NetworkScene) -> None:
    closed = sock(cookie=77, inode=0, state=TIME_WAIT)
    opens(scene, closed)
    scene.tracker.end(ended(sock(cookie=1)))

    assert at_last(scene).network is not None
    assert told(scene).network is not None


def test_over_loopback_both_ends_are_told(scene: NetworkScene) -> None:
    client, server = (
        sock(cookie=1, dst="192.0.2.1", dst_port=8080),
        sock(cookie=2, src_port=8080, dst="192.0.2.1", dst_port=50000),
    )
    scene.sockets = {ends_of(client): client, ends_of(server): server}
    scene.attempts.opened(segment(client, SYN), scene.telling.now(), sent=True, within=True)
    answers(scene, client)
    scene.wait(LOOK_S[1])

    assert sorted(n.direction or "" for n in scene.networks("network.connect")) == ["inbound", "outbound"]


def test_what_comes_in_is_not_looked_up_before_it_may_have_been_accepted(
    scene: NetworkScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Known] = []
    monkeypatch.setattr(scene.attribution, "look_up", looked.append)
    comes_in(scene)
    assert looked == []
    scene.wait(LOOK_S[0])
    assert len(looked) == 1


@pytest.mark.parametrize(
    ("one", "back", "outcome"),
    [(OUT, True, "refused"), (OUT, False, "reset"), (IN, False, "refused"), (IN, True, "reset")],
)
def test_a_reset_before_the_handshake_refuses_only_from_the_end_that_was_asked(
    scene: NetworkScene, one: InetSocket, back: bool, outcome: str
) -> None:
    scene.attempts.opened(segment(one, SYN, back=one is IN), scene.telling.now(), sent=one is OUT, within=False)
    scene.attempts.answered(segment(one, RST, back=back))
    scene.wait(LOOK_S[1])

    assert [n.outcome for n in scene.networks("network.connect")] == [outcome]


def test_an_inbound_connection_that_we_answered_and_broke_off_was_not_refused(scene: NetworkScene) -> None:
    comes_in(scene)
    scene.attempts.answered(segment(IN, SYN_ACK))
    scene.attempts.answered(segment(IN, RST))
    scene.tracker.end(ended(sock(src_port=8080, dst_port=0), TcpInfo(0, 0, 0, 0, 0, 0)))

    scene.attempts.flush()
    assert [n.outcome for n in scene.networks("network.flow")] == ["reset"]
    assert scene.networks("network.flow")[0].dst_port == 51000


@pytest.mark.parametrize("how", ["cookie", "inode", "pid"])
def test_the_sensors_own_connections_are_counted_and_never_told(scene: NetworkScene, how: str) -> None:
    {"cookie": scene.own.cookies, "inode": scene.own.inodes, "pid": scene.task.own}[how].add(
        {"cookie": 1, "inode": 100, "pid": 42}[how]
    )
    opens(scene)
    answers(scene)
    scene.wait(1)
    scene.tracker.end(ended(OUT))

    assert scene.emitted.events == []
    assert scene.counters.seen["own_sockets"] == 1


def test_a_connection_that_is_still_open_is_not_taken_for_a_newcomers(scene: NetworkScene) -> None:
    started = scene.task.add(43, "c1")
    scene.task.processes[43] = started._replace(start=Timestamp(scene.clock.wall()))
    scene.task.socket_owners.clear()
    opens(scene)
    answers(scene)
    scene.wait(1)

    assert owner(told(scene)) == (None, None)


def test_a_dump_that_finds_the_holder_outweighs_what_was_concluded(scene: NetworkScene) -> None:
    opens(scene)
    later = sock(cookie=2, src_port=50002, inode=101)
    opens(scene, later, there=False)
    answers(scene, later)
    scene.wait(1)
    scene.task.add(43, "c1", sockets=[101])
    scene.dump(later)
    scene.tracker.end(ended(later))

    connect = next(e for e in scene.emitted.of("network.connect") if e.network and e.network.src_port == 50002)
    assert (owner(connect), owner(told(scene, "network.flow"))) == ((42, "recent"), (43, "descriptor"))


def test_a_dump_that_saw_it_first_does_not_make_it_two(scene: NetworkScene) -> None:
    scene.dump()
    scene.dump(sock())
    opens(scene, sock(state=ESTABLISHED))
    answers(scene)
    scene.wait(1)
    scene.tracker.end(ended(sock()))

    assert [event.kind for event in scene.emitted.events] == ["network.connect", "network.flow"]


def test_a_dump_while_it_waits_adds_nothing(scene: NetworkScene) -> None:
    opens(scene, there=False)
    answers(scene)
    scene.dump(sock())
    scene.wait(1)
    scene.tracker.end(ended(sock()))

    assert [event.kind for event in scene.emitted.events] == ["network.connect", "network.flow"]
    assert owner(told(scene, "network.flow")) == (42, "descriptor")


def test_look_ups_are_spared_in_a_storm_and_the_last_owner_stands_in(scene: NetworkScene) -> None:
    for number in range(LOOKUPS_SAVED + 50):
        opens(scene, sock(cookie=number, src_port=1024 + number))

    assert scene.counters.seen["network_lookups_spared"] == 50
    spared = sock(cookie=LOOKUPS_SAVED + 1, src_port=1024 + LOOKUPS_SAVED + 1)
    scene.tracker.end(ended(spared))
    assert owner(told(scene, "network.flow")) == (42, "recent")


def test_what_waits_is_bounded(scene: NetworkScene) -> None:
    for number in range(MOST_PENDING + 3):
        opens(scene, sock(cookie=number, src_port=1024 + number), there=False)

    assert len(scene.emitted.of("network.connect")) == 3


def test_the_name_that_an_answer_gave_is_kept_to_the_end(scene: NetworkScene) -> None:
    scene.names.known["198.51.100.7"] = "db.example.org"
    opens(scene)
    answers(scene)
    scene.wait(1)
    scene.names.known.clear()
    scene.tracker.end(ended(OUT))

    assert [n.hostname for n in scene.networks("network.connect") + scene.networks("network.flow")] == [
        "db.example.org"
    ] * 2


def test_a_dns_server_that_is_not_configured_is_marked(scene: NetworkScene) -> None:
    scene.resolvers = frozenset({"192.0.2.53"})
    for number, (dst, port) in enumerate((("192.0.2.53", 53), ("198.51.100.53", 53), ("198.51.100.53", 443))):
        one = sock(cookie=number, src_port=50010 + number, dst=dst, dst_port=port)
        opens(scene, one)
        answers(scene, one)
    scene.wait(1)

    assert [n.marks for n in scene.networks("network.connect")] == [(), ("dns_bypass",), ()]
