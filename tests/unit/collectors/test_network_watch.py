"""Rounds of dumps among fakes: what fails, what is lost, how long the loop is held, and when the next one comes."""

import asyncio
import errno
import os
from collections.abc import Generator, Iterator

import pytest
from fakes import FakeClock
from fakes_netlink import attribute, inet_message
from network_scene import NetworkScene
from running import until

from collectors import network_watch
from collectors.inet_diag import LISTEN, TCP, UDP, Decoded, decode, state_mask
from collectors.network_watch import FULL_S, PERIOD_S, WAKES_SAVED, NetworkWatch, pauses

NOTHING = decode(b"")


def listener(cookie: int = 1, port: int = 8080) -> bytes:
    return inet_message(state=LISTEN, src="0.0.0.0", src_port=port, dst="0.0.0.0", dst_port=0, cookie=cookie, inode=100)


def flow(cookie: int = 1) -> Decoded:
    return decode(inet_message(cookie=cookie, attributes=attribute(10, bytes([TCP]))))


class FakeEnds:
    """A stream of ends that the test fills; its descriptor is readable once `wake` was called."""

    def __init__(self) -> None:
        self.waiting: list[Decoded] = []
        self.dropped: int | None = 0
        self.overflowed = False
        self._fd = os.eventfd(0, os.EFD_NONBLOCK)

    def fileno(self) -> int:
        return self._fd

    def wake(self) -> None:
        os.eventfd_write(self._fd, 1)

    def receive(self) -> Decoded | None:
        if self.waiting:
            return self.waiting.pop(0)
        try:
            os.eventfd_read(self._fd)
        except BlockingIOError:
            return None
        return None

    def newly_dropped(self) -> int | None:
        count, self.dropped = self.dropped, self.dropped and 0
        return count

    def close(self) -> None:
        os.close(self._fd)


class SlowClock(FakeClock):
    """Each look at it takes a millisecond."""

    def monotonic(self) -> float:
        self.monotonic_s += 0.001
        return self.monotonic_s


class Scene(NetworkScene):
    """A watch whose dumps answer with `answers`, or fail with an errno, by protocol."""

    def __init__(self, ends: FakeEnds | None, clock: FakeClock | None = None, limit: int = 100) -> None:
        super().__init__(clock=clock, limit=limit)
        self.task.add(42, sockets=[100])
        self.answers: dict[int, list[bytes] | int] = {}
        self.dumps = 0
        self.states: list[int] = []
        self.counts: object | None = ("1",)
        self.watch = NetworkWatch(
            parts=self,
            dump=self._dump,
            ends=ends,
            counts=lambda: self.counts,
            counters=self.counters,
            clock=self.clock,
            source="network_sockdiag",
            cpu_time=lambda: 0.0,
        )

    def _dump(self, _family: int, protocol: int, states: int) -> Generator[Decoded, None, None]:
        self.dumps += 1
        self.states.append(states)
        answer = self.answers.get(protocol, [])
        if isinstance(answer, int):
            raise OSError(answer, os.strerror(answer))
        for data in answer:
            yield decode(data)


@pytest.fixture
def ends() -> Iterator[FakeEnds]:
    made = FakeEnds()
    yield made
    made.close()


async def test_a_round_tells_what_the_dumps_show(ends: FakeEnds) -> None:
    scene = Scene(ends)
    scene.answers[TCP] = [listener()]
    await scene.watch.round()

    assert [e.kind for e in scene.emitted.events] == ["network.listen"]
    assert not scene.counters.losses


@pytest.mark.parametrize(("failure", "losses"), [(errno.ENOENT, {}), (errno.EIO, {"network_dump_failed": 2})])
async def test_a_protocol_without_an_answer_does_not_stop_the_other(
    ends: FakeEnds, failure: int, losses: dict[str, int]
) -> None:
    scene = Scene(ends)
    scene.answers = {TCP: [listener()], UDP: failure}
    await scene.watch.round()

    assert [e.kind for e in scene.emitted.events] == ["network.listen"]
    assert scene.counters.losses == losses


async def test_no_answer_at_all_is_raised_for_the_supervisor(ends: FakeEnds) -> None:
    scene = Scene(ends)
    scene.answers = {TCP: errno.EPERM, UDP: errno.EPERM}
    with pytest.raises(PermissionError):
        await scene.watch.round()


async def test_malformed_messages_are_counted_wherever_they_come_from(ends: FakeEnds) -> None:
    scene = Scene(ends)
    scene.answers[TCP] = [b"garbage" + listener()]
    ends.waiting = [decode(b"garbage")]
    await scene.watch.round()

    assert scene.counters.losses == {"netlink_malformed": 3}  # TCP is dumped for IPv4 and for IPv6


async def test_long_work_gives_way_to_the_loop_and_ends_are_heard_meanwhile(ends: FakeEnds) -> None:
    scene = Scene(ends, SlowClock())
    scene.answers[TCP] = [listener(cookie, port=1000 + cookie) for cookie in range(100)]
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            ends.waiting.append(flow(cookie=1000 + turns))
            await asyncio.sleep(0)

    other = asyncio.create_task(count_turns())
    await scene.watch.round()
    other.cancel()

    assert turns > 40  # 200 datagrams, each with two looks at the clock or more, in slices of 5 ms
    assert len(scene.emitted.of("network.flow")) >= turns - 1


async def test_the_next_round_follows_a_loss_at_once(ends: FakeEnds) -> None:
    scene = Scene(ends)  # its clock stands still, so that the regular round is far away
    running = asyncio.create_task(scene.watch.run())
    await until(lambda: scene.dumps == 4, "the first round")
    ends.overflowed, ends.dropped = True, 1
    ends.wake()
    await until(lambda: scene.dumps >= 8, "the round after the loss", 0.8)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_ends_wake_it_so_often_and_are_then_read_now_and_again(ends: FakeEnds) -> None:
    scene = Scene(ends)  # nothing is saved up while its clock stands still
    heard = 0

    def hear() -> int:  # and leaves the descriptor readable
        nonlocal heard
        heard += 1
        return 1

    scene.watch.hear = hear  # type: ignore[method-assign]
    ends.wake()
    running = asyncio.create_task(scene.watch.run())
    await until(lambda: heard > WAKES_SAVED + 1, "all that was saved up is used up")
    at = heard
    for _ in range(100):
        await asyncio.sleep(0)
    assert heard <= at + 2
    await until(lambda: heard > at + 2, "it is read all the same")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_waits_for_its_owner_is_told_though_no_packet_comes_any_more(ends: FakeEnds) -> None:
    """Packets that wait are taken once a period, and what is due then is told."""
    scene = Scene(ends)
    running = asyncio.create_task(scene.watch.run())
    await until(lambda: scene.caught_up == 1, "the first look")
    scene.clock.advance(PERIOD_S)
    ends.wake()
    await until(lambda: scene.caught_up > 1, "another look, a period later")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_without_ends_what_a_dump_does_not_show_is_forgotten() -> None:
    scene = Scene(None)
    scene.answers[TCP] = [listener()]
    for _ in range(2):
        await scene.watch.round()
    scene.answers[TCP] = []
    await scene.watch.round()
    scene.answers[TCP] = [listener()]
    await scene.watch.round()

    assert len(scene.emitted.of("network.listen")) == 2
    assert not scene.watch.hear()


async def test_a_round_is_left_out_while_nothing_has_come(ends: FakeEnds) -> None:
    scene = Scene(ends)
    scene.answers[TCP] = [listener()]
    assert scene.watch.is_due()
    await scene.watch.round()
    assert not scene.watch.is_due()

    scene.clock.advance(9)
    assert not scene.watch.is_due()
    scene.clock.advance(1)
    assert scene.watch.is_due()


@pytest.mark.parametrize(
    "what", ["a count", "no count", "an end", "a loss", "ends that went by", "an owner still sought", "a failed dump"]
)
async def test_a_round_is_due_once_something_may_have_come(ends: FakeEnds, what: str) -> None:
    scene = Scene(ends)
    if what == "an owner still sought":
        scene.answers[TCP] = [listener()]
        scene.task.end(42)
    if what == "a failed dump":
        scene.answers[UDP] = errno.EIO
    scene.watch.is_due()
    await scene.watch.round()
    if what == "a count":
        scene.counts = ("2",)
    if what == "no count":
        scene.counts = None
    if what == "an end":
        ends.waiting = [flow()]
    if what == "a loss":
        ends.overflowed = True
    if what == "ends that went by":
        scene.storm.unheard = True
    scene.watch.hear()

    assert scene.watch.is_due()


async def test_connections_that_nobody_accepts_do_not_keep_rounds_due(ends: FakeEnds) -> None:
    scene = Scene(ends)
    scene.answers[TCP] = [inet_message(inode=0)]
    for _ in range(2):
        assert scene.watch.is_due()
        await scene.watch.round()
    assert not scene.watch.is_due()

    scene.answers[TCP] = [inet_message(inode=100)]
    await scene.watch.round()
    scene.watch.hear()
    ends.waiting = [flow()]
    scene.watch.hear()
    assert scene.emitted.of("network.flow")[0].process is not None


@pytest.mark.parametrize(("busy", "after_a_loss", "otherwise"), [(0, 0, 1), (0.005, 0.5, 1), (0.02, 2, 2), (0.5, 5, 5)])
def test_what_rounds_cost_makes_them_rarer_up_to_a_limit(busy: float, after_a_loss: float, otherwise: float) -> None:
    assert pauses(busy) == pytest.approx((after_a_loss, otherwise))


async def test_while_packets_are_followed_only_listeners_and_udp_are_dumped(ends: FakeEnds) -> None:
    scene = Scene(ends)
    scene.tapped = True
    await scene.watch.round()
    assert set(scene.states[:2]) != {state_mask(LISTEN)}

    scene.states.clear()
    await scene.watch.round()
    assert scene.states[:2] == [state_mask(LISTEN)] * 2


@pytest.mark.parametrize("why", ["a lost packet", "a lost end", "ends that went by", "a minute", "no taps any more"])
async def test_all_connections_are_dumped_again_where_something_may_be_missing(ends: FakeEnds, why: str) -> None:
    scene = Scene(ends)
    scene.tapped = True
    await scene.watch.round()
    if why == "a lost packet":
        scene.lossy = True
    if why == "a lost end":
        ends.overflowed, ends.dropped = True, 1
    if why == "ends that went by":
        scene.storm.unheard = True
    if why == "a minute":
        scene.clock.advance(FULL_S)
    scene.tapped = why != "no taps any more"
    scene.states.clear()
    await scene.watch.round()

    assert state_mask(LISTEN) not in scene.states


async def test_packets_are_caught_up_with_before_an_end_is_told(ends: FakeEnds) -> None:
    scene = Scene(ends)
    scene.watch.hear()
    assert scene.caught_up == 0

    ends.waiting = [flow(1), flow(2)]
    scene.watch.hear()
    assert scene.caught_up == 1


async def test_in_a_storm_ends_that_came_before_the_filter_go_by_too_and_are_counted(ends: FakeEnds) -> None:
    scene = Scene(ends)
    ends.waiting = [flow(1), flow(2)]
    scene.watch.hear()
    with scene.storm.share.working():
        scene.cpu_s += 1000
    scene.storm.look()
    assert scene.storm.skip.servers, "one end of all that came is the same"

    ends.waiting = [flow(3), decode(inet_message(src_port=1, dst_port=2, attributes=attribute(10, bytes([TCP]))))]
    scene.watch.hear()

    assert [e.network.dst_port for e in scene.emitted.of("network.flow") if e.network] == [443, 443, 2]
    assert scene.counters.losses == {"connections_skipped": 1}


async def test_a_protocol_that_the_kernel_lacks_keeps_no_round_due_and_hides_no_beginning(ends: FakeEnds) -> None:
    scene = Scene(ends)
    scene.answers[UDP] = errno.ENOENT
    scene.watch.is_due()
    await scene.watch.round()
    assert not scene.watch.is_due()
    scene.answers[TCP] = [inet_message(cookie=1, inode=100)]
    await scene.watch.round()
    ends.overflowed, ends.waiting = True, [flow()]
    scene.clock.advance(1)
    scene.watch.hear()
    assert [network.duration_ms for network in scene.networks("network.flow")] == [1000.0]

    scene.answers[TCP] = [listener()]
    await scene.watch.round()
    scene.answers[TCP], ends.overflowed = [], True
    await scene.watch.round()
    assert not scene.table.listeners()


async def test_a_round_comes_a_period_later_though_an_end_was_heard_meanwhile(ends: FakeEnds) -> None:
    scene = Scene(ends)
    running = asyncio.create_task(scene.watch.run())
    await until(lambda: scene.dumps == 4, "the first round")
    ends.waiting = [flow()]
    ends.wake()
    await until(lambda: scene.emitted.of("network.flow"), "the end")
    scene.clock.advance(PERIOD_S)
    await until(lambda: scene.dumps == 8, "the next round", 3 * PERIOD_S)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_after_a_loss_too_what_rounds_cost_makes_them_rarer(
    ends: FakeEnds, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(ends)
    monkeypatch.setattr(network_watch, "pauses", lambda _busy: (0.2, 10.0))
    running = asyncio.create_task(scene.watch.run())
    await until(lambda: scene.dumps == 4, "the first round")
    ends.overflowed, ends.dropped = True, 1
    ends.wake()
    await asyncio.sleep(0.1)
    assert scene.dumps == 4
    scene.clock.advance(0.2)
    await until(lambda: scene.dumps == 8, "the round after the loss")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
