"""The intake: bounded, first in first out, urgent events still let in, handed out together, nothing lost uncounted."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fakes_pipeline import event
from fakes_timers import FakeTimers
from hypothesis import given
from hypothesis import strategies as st

from sensor.model.clock import TOGETHER_S
from sensor.model.counters import Counters
from sensor.model.events import Event
from sensor.model.kinds import Kind
from sensor.pipeline.queue import TURN, URGENT_ROOM, EventQueue


def queue(capacity: int = 3) -> tuple[EventQueue, Counters]:
    counters, timers = Counters(), FakeTimers()
    return EventQueue(capacity=capacity, counters=counters, clock=timers.clock, later=timers.later), counters


async def drained(intake: EventQueue) -> list[Event]:
    intake.close()
    return [item async for items in intake for item in items]


async def test_events_come_out_in_the_order_they_came_in() -> None:
    intake, _ = queue()
    events = [event(source=str(n)) for n in range(3)]
    assert [intake.emit(e) for e in events] == [True] * 3
    assert len(intake) == 3
    assert await drained(intake) == events


async def test_a_full_queue_drops_and_counts() -> None:
    intake, counters = queue()
    assert [intake.emit(event()) for _ in range(5)] == [True, True, True, False, False]
    assert counters.losses == {"queue_full": 2}


async def test_a_folded_event_that_is_dropped_counts_as_often_as_it_happened() -> None:
    intake, counters = queue(capacity=1)
    intake.emit(event())
    intake.emit(event()._replace(count=7))
    intake.close()
    intake.emit(event()._replace(count=4))
    assert counters.losses == {"queue_full": 7, "queue_closed": 4}


async def test_urgent_events_have_room_when_ordinary_ones_have_none_and_are_bounded_too() -> None:
    intake, counters = queue()
    while intake.emit(event()):
        pass
    taken = sum(intake.emit(event(Kind.DETECTION)) for _ in range(URGENT_ROOM + 5))
    assert taken == URGENT_ROOM
    assert not intake.emit(event())
    assert counters.losses == {"queue_full": 1 + 5 + 1}


async def test_a_waiting_consumer_is_woken() -> None:
    intake, _ = queue()
    consumer = asyncio.ensure_future(intake.take())
    await asyncio.sleep(0)
    intake.emit(event())
    assert await consumer == [event()]


async def test_a_cancelled_consumer_loses_nothing() -> None:
    intake, _ = queue()
    consumer = asyncio.ensure_future(intake.take())
    await asyncio.sleep(0)
    intake.emit(event())
    consumer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consumer
    assert await intake.take() == [event()]


async def test_closing_ends_the_iteration_after_what_waits() -> None:
    intake, counters = queue()
    intake.emit(event())
    assert await drained(intake) == [event()]
    assert not intake.emit(event())
    assert counters.losses == {"queue_closed": 1}
    assert await intake.take() == []


async def test_a_full_queue_does_not_keep_the_loop_from_others() -> None:
    intake, _ = queue(capacity=10 * TURN)
    while intake.emit(event()):
        pass
    turns = 0

    async def other() -> None:
        nonlocal turns
        while len(intake):
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.ensure_future(other())
    await drained(intake)
    await running
    assert turns >= 9


@given(st.lists(st.sampled_from([Kind.PROCESS_EXEC, Kind.DETECTION, None]), max_size=60), st.integers(1, 5))
def test_in_equals_out_plus_lost(steps: list[Kind | None], capacity: int) -> None:
    async def scenario() -> None:
        intake, counters = queue(capacity)
        offered = out = 0
        for kind in steps:
            if kind is not None:
                offered += 1
                intake.emit(event(kind))
            elif len(intake):
                out += len(await intake.take())
        out += len(await drained(intake))
        assert offered == out + counters.losses["queue_full"]

    asyncio.run(scenario())


async def test_a_lower_limit_refuses_what_is_new_and_keeps_what_waits() -> None:
    intake, counters = queue(3)
    assert [intake.emit(event()) for _ in range(3)] == [True] * 3
    intake.limit(1)
    assert not intake.emit(event())
    assert intake.emit(event(Kind.DETECTION))
    assert len(await drained(intake)) == 4
    assert counters.losses == {"queue_full": 1}


class Consumer:
    """Takes what the queue hands out, while a test moves the time."""

    def __init__(self, capacity: int = 1000) -> None:
        self.timers = FakeTimers()
        self.counters = Counters()
        self.queue = EventQueue(
            capacity=capacity,
            counters=self.counters,
            clock=self.timers.clock,
            later=self.timers.later,
            may_wait=lambda event: event.evidence.source != "pressing",
        )
        self.taken: list[list[str]] = []

    async def run(self) -> None:
        async for events in self.queue:
            self.taken.append([event.evidence.source for event in events])

    async def emit(self, *sources: str, kind: Kind = Kind.PROCESS_EXEC) -> None:
        for source in sources:
            self.queue.emit(event(kind, source))
        await self.turn()

    async def turn(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    async def wait(self, seconds: float) -> None:
        self.timers.pass_time(seconds)
        await self.turn()


@pytest.fixture
async def consumer() -> AsyncIterator[Consumer]:
    """It waits for a first event, a hundredth of a second after a multiple of the period."""
    made = Consumer()
    made.timers.clock.advance(0.01)
    running = asyncio.create_task(made.run())
    await made.turn()
    yield made
    made.queue.close()
    await asyncio.wait_for(running, 10)


async def test_what_comes_first_is_handed_out_at_once(consumer: Consumer) -> None:
    await consumer.emit("first")
    assert consumer.taken == [["first"]]


async def test_what_comes_soon_after_it_is_handed_out_together_at_the_multiple(consumer: Consumer) -> None:
    await consumer.emit("first")
    for source in ("exec", "exit", "connection"):
        await consumer.wait(0.02)
        await consumer.emit(source)
    assert consumer.taken == [["first"]]
    await consumer.wait(0.04)
    assert consumer.taken == [["first"], ["exec", "exit", "connection"]]
    assert consumer.timers.set == 1


async def test_after_a_pause_an_event_waits_for_nothing(consumer: Consumer) -> None:
    await consumer.emit("first")
    await consumer.wait(TOGETHER_S)
    await consumer.emit("second")
    assert consumer.taken == [["first"], ["second"]]
    assert consumer.timers.set == 0


async def test_a_constant_trickle_wakes_the_consumer_once_a_period(consumer: Consumer) -> None:
    for _ in range(100):
        await consumer.emit("one")
        await consumer.wait(0.01)
    assert len(consumer.taken) in (10, 11)
    assert sum(map(len, consumer.taken)) == 100


@pytest.mark.parametrize("kind", [Kind.SENSOR_START, Kind.SENSOR_STOP, Kind.SENSOR_LOSS, Kind.POSTURE])
async def test_an_urgent_event_ends_the_rest_and_keeps_its_place(consumer: Consumer, kind: Kind) -> None:
    await consumer.emit("first")
    await consumer.emit("second")
    await consumer.emit("urgent", kind=kind)
    assert consumer.taken == [["first"], ["second", "urgent"]]
    assert consumer.timers.waiting == []


async def test_an_event_that_may_not_wait_ends_the_rest(consumer: Consumer) -> None:
    await consumer.emit("first")
    await consumer.emit("second")
    await consumer.emit("pressing")
    assert consumer.taken == [["first"], ["second", "pressing"]]


async def test_when_a_turn_full_of_events_waits_the_rest_is_over(consumer: Consumer) -> None:
    await consumer.emit("first")
    await consumer.emit(*["more"] * (TURN - 1))
    assert consumer.taken == [["first"]]
    await consumer.emit("last")
    assert [len(events) for events in consumer.taken] == [1, TURN]


async def test_a_small_queue_does_not_fill_while_its_consumer_rests(consumer: Consumer) -> None:
    consumer.queue.limit(4)
    await consumer.emit("first")
    for _ in range(20):
        await consumer.emit("one")
    assert consumer.counters.losses == {}
    assert sum(map(len, consumer.taken)) >= 20


async def test_closing_ends_the_rest(consumer: Consumer) -> None:
    await consumer.emit("first")
    await consumer.emit("second")
    consumer.queue.close()
    await consumer.turn()
    assert consumer.taken == [["first"], ["second"]]
    assert consumer.timers.waiting == []


async def test_a_consumer_that_is_cancelled_while_it_rests_leaves_no_timer_and_loses_nothing() -> None:
    made = Consumer()
    made.timers.clock.advance(0.01)
    running = asyncio.create_task(made.run())
    await made.turn()
    await made.emit("first")
    await made.emit("second")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert made.timers.waiting == []
    assert [one.evidence.source for one in await made.queue.take()] == ["second"]
