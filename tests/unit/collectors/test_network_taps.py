"""Reading two taps: what belongs together, what was lost, and that nothing is asked of the kernel without need."""

import os

import pytest
from fakes import FakeTaskView
from network_scene import NetworkScene, ends_of, listener, sock
from running import collecting, until
from test_connection_attempts import OUT, told

from collectors import network_taps
from collectors.attribution import DESCRIPTOR
from collectors.connection_attempts import LOOK_S
from collectors.inet_diag import InetSocket
from collectors.network_skip import Server, Skip
from collectors.network_state import NetworkState
from collectors.network_taps import LOST, READS, Following, NetworkTaps
from collectors.packet_headers import Segment
from collectors.packet_tap import Packet
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.times import NS

SYN, SYN_ACK, RST, ACK = 0x02, 0x12, 0x14, 0x10
LO, ETHERNET = "lo", "eth0"


class FakeTap:
    """A tap that the test fills."""

    def __init__(self) -> None:
        self.waiting: list[Packet] = []
        self.dropped = 0
        self.asked = 0

    def fileno(self) -> int:
        raise AssertionError("nobody waits here")

    def receive(self) -> Packet | None:
        return self.waiting.pop(0) if self.waiting else None

    def newly_dropped(self) -> int:
        self.asked += 1
        dropped, self.dropped = self.dropped, 0
        return dropped


class NoDns:
    """Nobody asks."""

    def segment(self, _segment: Segment, *, sent: bool, within: bool) -> None:
        raise AssertionError("no DNS is sent here")

    def settle(self) -> None: ...

    def next_due(self) -> None: ...


class Scene(NetworkScene):
    """What follows two fake taps."""

    def __init__(self) -> None:
        super().__init__(loopback=True)
        self.task.add(42, "c1", sockets=[100, 500])
        self.dns = NoDns()
        self.openings, self.answers = FakeTap(), FakeTap()
        self.following = Following(
            self,  # type: ignore[arg-type]
            self.openings,  # type: ignore[arg-type]
            self.answers,  # type: ignore[arg-type]
            self.counters,
            self.clock,
        )

    def lost(self) -> int:
        return self.counters.losses[LOST]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def packet(
    one: InetSocket, flags: int, *, back: bool = False, interface: str = ETHERNET, time: int | None = None
) -> Packet:
    """A segment of a connection that the task opens, or one that comes back."""
    ours, theirs = (one.src[:4], one.src_port), (one.dst[:4], one.dst_port)
    (src, src_port), (dst, dst_port) = (theirs, ours) if back else (ours, theirs)
    ports = src_port.to_bytes(2, "big") + dst_port.to_bytes(2, "big")
    ip = b"\x45\0\0\x28" + bytes(5) + b"\x06\0\0" + src + dst
    return Packet(ip + ports + bytes(8) + bytes([0x50, flags]) + bytes(6), not back, interface, time)


def test_an_answer_belongs_to_what_was_opened_before_it_though_both_are_read_at_once(scene: Scene) -> None:
    scene.sockets[ends_of(OUT)] = OUT
    scene.openings.waiting = [packet(OUT, SYN)]
    scene.answers.waiting = [packet(OUT, SYN_ACK, back=True)]
    assert not scene.following.take()
    scene.clock.advance(LOOK_S[1])
    scene.following.take()

    network = told(scene).network
    assert network is not None
    assert (network.outcome, network.owner_evidence) == ("established", DESCRIPTOR)


def test_an_answer_of_service_connect_tells_who_asked_and_that_of_others_does_not(scene: Scene) -> None:
    for dst in ("127.255.0.1", "127.0.0.7"):
        one = sock(src="127.0.0.1", dst=dst, dst_port=80)
        scene.sockets[ends_of(one)] = one
        scene.openings.waiting.append(packet(one, SYN_ACK, back=True, interface=LO))
        scene.answers.waiting.append(packet(one, SYN_ACK, back=True, interface=LO))
    scene.following.take()
    scene.clock.advance(LOOK_S[-1])
    scene.following.take()
    network = told(scene).network
    assert network is not None
    assert (network.dst, network.direction, network.outcome) == ("127.255.0.1", "outbound", "established")


def test_an_answer_of_a_skipped_service_goes_by(scene: Scene) -> None:
    one = sock(src="127.0.0.1", dst="127.255.0.1", dst_port=80)
    scene.sockets[ends_of(one)] = one
    scene.storm.skip = Skip(frozenset({Server(one.family, one.dst, 80)}))
    scene.openings.waiting.append(packet(one, SYN_ACK, back=True, interface=LO))
    scene.following.take()
    scene.clock.advance(LOOK_S[-1])
    scene.following.take()
    assert scene.emitted.events == []


@pytest.mark.parametrize(("interface", "told_ends"), [(LO, {"inbound", "outbound"}), (ETHERNET, {"outbound"})])
def test_over_loopback_both_ends_are_the_tasks(scene: Scene, interface: str, told_ends: set[str]) -> None:
    both = sock(src="127.0.0.1", dst="127.0.0.1", src_port=50000, dst_port=8080)
    scene.sockets[ends_of(listener())] = listener()
    scene.openings.waiting = [packet(both, SYN, interface=interface)]
    scene.answers.waiting = [packet(both, SYN_ACK, back=True, interface=interface)]
    scene.following.take()
    scene.clock.advance(1)
    for _ in LOOK_S:
        scene.following.take()

    assert {network.direction for network in scene.networks("network.connect")} == told_ends


def test_more_may_wait_where_as_much_was_read_as_is_read_in_one_go(scene: Scene) -> None:
    scene.openings.waiting = [packet(OUT, SYN)] * (READS + 1)
    assert scene.following.take()
    assert not scene.following.take()


def test_no_answer_is_looked_at_before_what_opened_its_connection_though_much_waits(scene: Scene) -> None:
    """Ahead of the connection is more than is read in one go, so that its answer is read first."""
    began = scene.clock.wall()
    others = [packet(OUT._replace(src_port=port), SYN, time=began - 1) for port in range(1000, 1000 + READS)]
    scene.openings.waiting = [*others, packet(OUT, SYN, time=began)]
    refusals = [packet(OUT._replace(src_port=port), RST, back=True, time=began - 1) for port in (1000, 1001)]
    scene.answers.waiting = [*refusals, packet(OUT, RST, back=True, time=began + 1)]
    assert scene.following.take()
    assert len(scene.answers.waiting) == 0
    scene.following.take()
    scene.clock.advance(1)
    scene.following.take()

    outcomes = {network.src_port: network.outcome for network in scene.networks("network.connect")}
    assert {port for port, outcome in outcomes.items() if outcome == "refused"} == {1000, 1001, OUT.src_port}


def test_an_answer_waits_for_its_connection_though_another_interface_was_read_further(scene: Scene) -> None:
    began = scene.clock.wall()
    others = [packet(OUT._replace(src_port=port), SYN, time=began - 1) for port in range(1000, 999 + READS)]
    later = packet(OUT._replace(src_port=9), SYN, interface=LO, time=began + 2)
    scene.openings.waiting = [*others, later, packet(OUT, SYN, time=began)]
    scene.answers.waiting = [packet(OUT, RST, back=True, time=began + 1)]
    assert scene.following.take()
    scene.following.take()
    scene.clock.advance(1)
    scene.following.take()

    (refused,) = (network for network in scene.networks("network.connect") if network.src_port == OUT.src_port)
    assert refused.outcome == "refused"


def test_answers_that_wait_for_their_connections_are_no_more_than_are_read_in_one_go(scene: Scene) -> None:
    began = scene.clock.wall()
    for _ in range(3):
        scene.openings.waiting = [packet(OUT, SYN, time=began)] * READS
        scene.answers.waiting += [packet(OUT, SYN_ACK, back=True, time=began + 1)] * READS
        assert scene.following.take()
    assert len(scene.answers.waiting) == 2 * READS


@pytest.mark.parametrize(("opened", "answered"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_only_a_tap_that_gives_something_is_asked_what_it_lost(scene: Scene, opened: int, answered: int) -> None:
    scene.openings.waiting = [packet(OUT, SYN)] * opened
    scene.answers.waiting = [packet(OUT, SYN_ACK, back=True)] * answered
    scene.following.take()

    assert (scene.openings.asked, scene.answers.asked) == (opened, answered)


def test_what_either_tap_lost_is_told_and_counted(scene: Scene) -> None:
    scene.openings.waiting, scene.openings.dropped = [packet(OUT, SYN)], 3
    scene.following.take()
    assert (scene.lost(), scene.lossy) == (3, True)

    scene.answers.waiting, scene.answers.dropped = [packet(OUT, SYN_ACK, back=True)], 4
    scene.following.take()
    assert scene.lost() == 7
    assert [event.loss.count for event in scene.emitted.of("sensor.loss") if event.loss] == [3, 4]


def test_where_answers_were_lost_nobody_is_said_to_have_timed_out(scene: Scene) -> None:
    scene.openings.waiting = [packet(OUT, SYN)]
    scene.answers.waiting, scene.answers.dropped = [packet(OUT._replace(src_port=1), RST, back=True)], 1
    scene.following.take()
    known = scene.table.at(6, ends_of(OUT))

    assert known is not None
    assert known.unsure


def test_in_a_storm_what_came_before_the_filter_goes_by_and_is_counted(scene: Scene) -> None:
    there = Server(OUT.family, OUT.dst, OUT.dst_port)
    scene.openings.waiting = [packet(OUT._replace(src_port=port), SYN) for port in range(1000, 1010)]
    scene.following.take()
    with scene.storm.share.working():
        scene.cpu_s += 1000
    scene.storm.look()
    assert scene.storm.skip.servers == {there}

    scene.openings.waiting = [packet(OUT, SYN), packet(OUT._replace(dst_port=444), SYN)]
    scene.following.take()
    assert scene.table.at(6, ends_of(OUT)) is None
    assert scene.table.at(6, ends_of(OUT._replace(dst_port=444))) is not None
    assert scene.counters.losses == {"connections_skipped": 1}


def test_of_a_dns_server_that_is_skipped_answers_go_by_too(scene: Scene) -> None:
    asked = OUT._replace(dst_port=53)
    scene.storm.skip = Skip(frozenset({Server(asked.family, asked.dst, 53)}))
    scene.openings.waiting = [packet(asked, SYN_ACK, back=True), packet(asked, ACK)]
    scene.following.take()
    assert scene.counters.losses == {"connections_skipped": 2}


@pytest.mark.parametrize(("ago_s", "began_ago_s"), [(2, 2), (0, 0), (-1, 0), (61, 0)])
def test_a_connection_began_when_its_packet_came_by_unless_the_clock_was_set(
    scene: Scene, ago_s: int, began_ago_s: int
) -> None:
    now = scene.clock.wall()
    scene.openings.waiting = [packet(OUT, SYN, time=now - ago_s * NS)]
    scene.following.take()
    known = scene.table.at(6, ends_of(OUT))
    assert known is not None
    assert (known.at, known.since) == (now - began_ago_s * NS, scene.clock.monotonic() - began_ago_s)


async def test_what_was_opened_before_the_taps_were_there_is_for_a_full_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    class QuietTap(FakeTap):
        def __init__(self, _filter_code: bytes, _receive_buffer: int) -> None:
            super().__init__()
            self._fd = os.eventfd(0)

        def fileno(self) -> int:
            return self._fd

        def close(self) -> None:
            os.close(self._fd)

    monkeypatch.setattr(network_taps, "PacketTap", QuietTap)
    clock, counters, task = SystemClock(), Counters(), FakeTaskView()
    state = NetworkState(counters=counters, clock=clock)
    async with collecting(NetworkTaps(state=state, counters=counters, clock=clock), task) as emitted:
        parts = state.parts(task, emitted)
        await until(lambda: parts.tapped, "packets are followed")
        assert parts.lossy
    assert not parts.tapped
