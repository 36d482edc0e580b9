"""What a round makes of what nobody heard: it is counted, told, and forgotten once a dump does not show it any more."""

import errno

import pytest
from fakes_netlink import attribute, inet_message
from network_scene import listener as listener_socket
from network_scene import sock
from test_network_watch import FakeEnds, Scene, ends, flow, listener

from collectors.inet_diag import TCP, UDP, decode
from collectors.network_skip import FOLLOW_ALL, Skip
from collectors.network_watch import FULL_S, READS

__all__ = ["ends"]


async def test_a_loss_is_told_exactly_and_forgets_what_the_next_dump_does_not_show(ends: FakeEnds) -> None:
    scene = Scene(ends)
    scene.answers[TCP] = [inet_message(cookie=1, inode=100)]
    await scene.watch.round()
    ends.overflowed, ends.dropped = True, 834
    assert not scene.watch.hear()

    scene.answers[TCP] = []
    await scene.watch.round()
    ends.waiting = [flow(cookie=1)]
    scene.watch.hear()

    (loss,) = [e.loss for e in scene.emitted.of("sensor.loss")]
    assert loss is not None
    assert (loss.reason, loss.bound, loss.count, loss.source) == ("netlink_overflow", "exact", 834, "network_sockdiag")
    assert scene.counters.losses == {"netlink_overflow": 834}
    assert scene.emitted.of("network.flow")[0].process is None


async def test_a_loss_of_unknown_size_is_told_as_such(ends: FakeEnds) -> None:
    scene = Scene(ends)
    ends.overflowed, ends.dropped = True, None
    scene.watch.hear()

    (loss,) = [e.loss for e in scene.emitted.of("sensor.loss")]
    assert loss is not None
    assert (loss.bound, loss.count) == ("unknown", None)
    assert scene.counters.losses == {"netlink_overflow": 1}


async def test_drops_go_on_being_counted_until_all_was_read(ends: FakeEnds, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(ends)
    ends.overflowed = True
    monkeypatch.setattr(ends, "newly_dropped", iter([10, 5]).__next__)
    ends.waiting = [flow(cookie) for cookie in range(READS + 1)]
    await scene.watch.round()  # takes what one go may take, and sees the first drops, then the rest

    assert not ends.overflowed
    assert scene.counters.losses == {"netlink_overflow": 15}
    assert len(scene.emitted.of("network.flow")) == READS + 1


async def test_what_ended_before_a_loss_is_told_with_its_owner_though_the_next_dump_does_not_show_it(
    ends: FakeEnds,
) -> None:
    cookies = range(1, 3 * READS + 1)
    scene = Scene(ends, limit=len(cookies))
    scene.task.add(43, sockets=[1000 + cookie for cookie in cookies])
    scene.answers[TCP] = [inet_message(cookie=cookie, inode=1000 + cookie) for cookie in cookies]
    await scene.watch.round()
    scene.answers[TCP] = []
    ends.waiting = [flow(cookie) for cookie in cookies]
    ends.overflowed, ends.dropped = True, 1
    await scene.watch.round()

    flows = scene.emitted.of("network.flow")
    assert len(flows) == len(cookies)
    assert all(event.process is not None for event in flows)


async def test_after_a_dump_that_failed_what_a_later_one_does_not_show_is_forgotten(ends: FakeEnds) -> None:
    scene = Scene(ends)
    scene.answers[TCP] = [inet_message(cookie=1, inode=100)]
    await scene.watch.round()
    ends.overflowed, ends.dropped = True, 1
    scene.answers = {TCP: [], UDP: errno.EIO}
    await scene.watch.round()
    assert len(scene.table) == 1
    scene.answers = {TCP: []}
    await scene.watch.round()
    assert len(scene.table) == 0


async def test_what_ended_while_no_collector_ran_is_forgotten_and_counted(ends: FakeEnds) -> None:
    scene = Scene(ends)
    scene.dump(sock(cookie=1), sock(cookie=3), listener_socket(cookie=2))
    scene.answers[TCP] = [listener(cookie=2)]
    await scene.watch.round()
    assert [known.ends.src_port for known in scene.table.listeners()] == [8080]
    assert len(scene.table) == 1
    assert scene.counters.losses == {"network_socket_forgotten": 2}


@pytest.mark.parametrize(
    ("tapped", "when", "protocol", "duration_ms"),
    [
        (True, "during", TCP, None),
        (True, "after", TCP, None),
        (True, "never", TCP, 0.0),
        (True, "during", UDP, 0.0),
        (False, "after", TCP, 0.0),
    ],
)
async def test_when_a_connection_began_that_went_by_in_a_storm_is_not_known_unless_each_round_shows_all(
    ends: FakeEnds, tapped: bool, when: str, protocol: int, duration_ms: float | None
) -> None:
    scene = Scene(ends)
    scene.tapped = tapped
    await scene.watch.round()
    scene.answers[protocol] = [inet_message(cookie=1, inode=100)]
    scene.clock.advance(FULL_S)
    if when == "during":
        scene.storm.skip = Skip(everything=True)
    if when == "after":
        scene.storm.unheard = True
    await scene.watch.round()
    scene.storm.skip = FOLLOW_ALL
    ends.waiting = [flow()]
    scene.watch.hear()
    assert [network.duration_ms for network in scene.networks("network.flow")] == [duration_ms]


async def test_what_ended_while_ends_went_by_is_counted_as_forgotten(ends: FakeEnds) -> None:
    scene = Scene(ends)
    scene.answers[TCP] = [listener(), inet_message(cookie=7, inode=100), inet_message(cookie=8, inode=100)]
    await scene.watch.round()
    scene.storm.unheard = True
    scene.answers[TCP] = [inet_message(cookie=8, inode=100)]
    await scene.watch.round()

    assert scene.counters.losses == {"network_socket_forgotten": 1}
    assert not scene.storm.unheard


async def test_the_storm_is_told_of_each_connection_that_ended_and_of_those_that_the_kernel_dropped(
    ends: FakeEnds, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(ends)
    told: list[int] = []
    monkeypatch.setattr(scene.storm, "ended", lambda number=1: told.append(number))
    tcp, udp = (attribute(10, bytes([protocol])) for protocol in (TCP, UDP))
    never_used = inet_message(cookie=2, dst="0.0.0.0", dst_port=0, attributes=tcp)
    ends.waiting = [flow(1), decode(never_used), decode(inet_message(cookie=3, attributes=udp))]
    scene.watch.hear()
    assert told == [1]
    ends.overflowed, ends.dropped = True, 834
    scene.watch.hear()
    assert told == [1, 834]
