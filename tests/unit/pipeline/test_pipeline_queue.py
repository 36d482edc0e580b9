"""The intake: bounded, first in first out, urgent events still let in, nothing lost uncounted."""

import asyncio

import pytest
from fakes_pipeline import event
from hypothesis import given
from hypothesis import strategies as st
from running import until

from sensor.model.counters import Counters
from sensor.model.events import Event
from sensor.model.kinds import Kind
from sensor.pipeline.queue import TURN, URGENT_ROOM, EventQueue


def queue(capacity: int = 3) -> tuple[EventQueue, Counters]:
    counters = Counters()
    return EventQueue(capacity=capacity, counters=counters), counters


async def drained(intake: EventQueue) -> list[Event]:
    intake.close()
    return [item async for item in intake]


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
    consumer = asyncio.ensure_future(intake.get())
    await asyncio.sleep(0)
    intake.emit(event())
    assert await consumer == event()


async def test_a_cancelled_consumer_loses_nothing() -> None:
    intake, _ = queue()
    consumer = asyncio.ensure_future(intake.get())
    await asyncio.sleep(0)
    intake.emit(event())
    consumer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consumer
    assert await intake.get() == event()


async def test_closing_ends_the_iteration_after_what_waits() -> None:
    intake, counters = queue()
    consumer = asyncio.ensure_future(drained_by_iteration(intake))
    intake.emit(event())
    await until(lambda: len(intake) == 0, "the consumer took the event")
    intake.close()
    assert await consumer == [event()]
    assert not intake.emit(event())
    assert counters.losses == {"queue_closed": 1}
    assert await intake.get() is None


async def drained_by_iteration(intake: EventQueue) -> list[Event]:
    return [item async for item in intake]


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
                await intake.get()
                out += 1
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
