"""Delivery: in order, again after trouble, never twice counted, honest about what it gave up."""

import asyncio
import logging
from collections.abc import Callable, Sequence

import pytest
from delivery_rig import MIB, Rig, json_seqs, json_shipper
from fakes_pipeline import FakeShipper
from hypothesis import given, settings
from hypothesis import strategies as st
from running import until

from sensor.model.errors import DestinationGone, PermanentError, RetryableError
from sensor.model.kinds import Lane
from sensor.model.protocols import Encoding, Limits, Roll
from sensor.pipeline.delivery import MOST_FAULTS

URGENT, ORDINARY = Lane.URGENT, Lane.ORDINARY


async def test_events_are_delivered_in_order_and_counted() -> None:
    rig = Rig(FakeShipper())
    async with rig.running():
        rig.put(1, 2, 3, 4, 5)
        await rig.delivered(5)
    assert rig.seqs() == [(ORDINARY, [1, 2, 3]), (ORDINARY, [4, 5])]
    assert rig.counters.seen["batches"] == 2
    assert rig.counters.seen["shipped_bytes"] == sum(len(r) for records in rig.shipper.sent for r in records)
    assert rig.shipper.opened == 1
    assert not rig.counters.losses


async def test_urgent_events_leave_at_once_and_first() -> None:
    rig = Rig(FakeShipper())
    rig.put(1)
    rig.put(1, 2, lane=URGENT)
    async with rig.running():
        await rig.delivered(3)
    assert rig.seqs() == [(URGENT, [1, 2]), (ORDINARY, [1])]


async def test_trouble_is_retried_byte_for_byte_with_growing_waits() -> None:
    rig = Rig(FakeShipper(*[RetryableError("busy")] * 8))
    rig.put(1, 2, 3)
    async with rig.running():
        await rig.delivered(3)
    assert len(rig.shipper.sent) == 9
    assert len(set(rig.shipper.sent)) == 1
    assert rig.pause.seconds == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert (rig.counters.seen["retries"], rig.counters.seen["batches"]) == (8, 1)


async def test_success_makes_the_waits_short_again() -> None:
    rig = Rig(FakeShipper(RetryableError("busy"), RetryableError("busy"), (), RetryableError("busy")))
    rig.put(1, 2, 3, 4, 5, 6)
    async with rig.running():
        await rig.delivered(6)
    assert rig.pause.seconds == [0.5, 1.0, 0.5]


async def test_what_the_destination_asks_for_is_waited_for() -> None:
    rig = Rig(FakeShipper(RetryableError("busy", 7.0), RetryableError("busy", 10_000.0)))
    rig.put(1, 2, 3)
    async with rig.running():
        await rig.delivered(3)
    assert rig.pause.seconds == [7.5, 300.5]


async def test_an_urgent_event_does_not_wait_for_an_ordinary_request_that_takes_its_time() -> None:
    rig = Rig(FakeShipper(RetryableError("busy")))
    rig.put(1, 2, 3, 4)
    rig.shipper.gate.clear()
    async with rig.running():
        await until(lambda: rig.shipper.sent, "the first request is under way")
        rig.put(1, lane=URGENT)
        await until(lambda: len(rig.shipper.sent) == 2, "the urgent one is under way too")
        rig.shipper.gate.set()
        await rig.delivered(5)
    assert rig.seqs() == [(ORDINARY, [1, 2, 3]), (URGENT, [1]), (ORDINARY, [1, 2, 3]), (ORDINARY, [4])]


async def test_an_urgent_event_does_not_wait_for_the_end_of_a_backoff() -> None:
    rig = Rig(FakeShipper(RetryableError("busy")))
    waiting = asyncio.Event()

    async def pause(seconds: float | None, until_set: asyncio.Event) -> None:
        if seconds is not None:
            waiting.set()
        await until_set.wait()

    rig.delivery = rig.new_delivery(pause)
    rig.put(1)
    async with rig.running():
        await waiting.wait()
        rig.put(1, lane=URGENT)
        await rig.delivered(1)
    assert rig.seqs() == [(ORDINARY, [1]), (URGENT, [1])]


async def test_what_the_destination_asks_for_holds_for_urgent_events_too() -> None:
    rig = Rig(FakeShipper(RetryableError("busy", 20.0)))
    asked = asyncio.Event()
    pauses: list[float | None] = []

    async def pause(seconds: float | None, until_set: asyncio.Event) -> None:
        pauses.append(seconds)
        if seconds is not None and len([s for s in pauses if s is not None]) == 2:
            asked.set()
        await until_set.wait()

    rig.delivery = rig.new_delivery(pause)
    rig.put(1)
    async with rig.running():
        await until(lambda: 20.5 in pauses, "the wait that was asked for")
        rig.put(1, lane=URGENT)
        await asked.wait()
    assert len(rig.shipper.sent) == 1
    assert [s for s in pauses if s is not None] == [20.5, 20.5]


async def test_small_batches_share_a_request_where_records_are_single_events() -> None:
    rig = Rig(json_shipper())
    rig.put(1)
    rig.put(2)
    rig.put(3)
    async with rig.running():
        await rig.delivered(3)
    assert [json_seqs(records) for records in rig.shipper.sent] == [[1, 2, 3]]


async def test_refused_events_are_set_aside_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(FakeShipper(PermanentError("no such batch\nplease")))
    rig.put(1, 2, 3, 4, 5)
    async with rig.running():
        await rig.delivered(2)
    assert rig.seqs() == [(ORDINARY, [1, 2, 3]), (ORDINARY, [4, 5])]
    assert rig.counters.losses == {"refused": 3}
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "fake refuses events, which are lost: no such batch please"
    ]


async def test_of_a_partial_failure_only_the_failed_records_are_sent_again() -> None:
    rig = Rig(json_shipper([0, 2], [1]), batch=4)
    rig.put(1, 2, 3, 4)
    async with rig.running():
        await rig.delivered(4)
    assert [json_seqs(records) for records in rig.shipper.sent] == [[1, 2, 3, 4], [1, 3], [3]]
    assert rig.counters.seen["retries"] == 2
    assert rig.counters.seen["shipped_bytes"] == sum(len(r) for r in rig.shipper.sent[0])


async def test_indices_that_no_record_has_are_passed_over() -> None:
    rig = Rig(FakeShipper([5, -1]))
    rig.put(1, 2, 3)
    async with rig.running():
        await rig.delivered(3)
    assert len(rig.shipper.sent) == 1


async def test_requests_keep_to_the_shippers_limits() -> None:
    rig = Rig(json_shipper(limits=Limits(records=3, record_bytes=MIB, request_bytes=MIB)), batch=5)
    rig.put(1, 2, 3, 4, 5)
    narrow = Rig(json_shipper(limits=Limits(records=10, record_bytes=MIB, request_bytes=600)), batch=5)
    narrow.put(1, 2, 3, 4, 5)
    async with rig.running(), narrow.running():
        await rig.delivered(5)
        await narrow.delivered(5)
    assert [json_seqs(records) for records in rig.shipper.sent] == [[1, 2, 3], [4, 5]]
    assert [json_seqs(records) for records in narrow.shipper.sent] == [[1, 2], [3, 4], [5]]


async def test_a_record_that_the_destination_cannot_carry_is_lost_alone() -> None:
    rig = Rig(json_shipper(limits=Limits(10, 400, MIB)), batch=3)
    rig.put(1)
    rig.put(2, padding=2_000)
    rig.put(3)
    async with rig.running():
        await rig.delivered(2)
    assert rig.counters.losses == {"record_too_large": 1}
    assert [seq for records in rig.shipper.sent for seq in json_seqs(records)] == [1, 3]


ROLLED = Limits(4, MIB, MIB, Roll(events=4, age=60.0))


async def test_a_destination_of_objects_is_sent_an_object_when_there_is_enough_for_one_or_after_a_while() -> None:
    rig = Rig(json_shipper(limits=ROLLED), batch=1)
    rig.put(1, 2, 3, 4, 5)
    async with rig.running():
        await rig.delivered(5)
    assert [json_seqs(records) for records in rig.shipper.sent] == [[1, 2, 3, 4], [5]]
    assert rig.pause.seconds == [60.0]


async def test_an_object_that_was_not_taken_is_sent_again_as_it_was() -> None:
    rig = Rig(json_shipper(RetryableError("cut off"), limits=ROLLED), batch=1)
    rig.put(1, 2)
    rig.shipper.gate.clear()
    async with rig.running():
        await until(lambda: rig.shipper.sent, "the first request")
        rig.put(3, 4)
        rig.shipper.gate.set()
        await rig.delivered(4)
    assert [json_seqs(records) for records in rig.shipper.sent] == [[1, 2], [1, 2], [3, 4]]


async def test_the_urgent_lane_waits_for_no_object_to_fill() -> None:
    rig = Rig(json_shipper(limits=ROLLED), batch=1)
    rig.put(1, lane=URGENT)
    async with rig.running():
        await rig.delivered(1)
    assert rig.pause.seconds == []


async def test_a_fault_in_a_shipper_is_trouble_like_any_other(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(FakeShipper(KeyError("oops")))
    rig.put(1, 2, 3)
    async with rig.running():
        await rig.delivered(3)
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "delivery to fake fails and will be tried again: KeyError: 'oops'"
    ]


async def test_a_fault_that_stays_costs_only_the_records_that_meet_it() -> None:
    rig = Rig(FakeShipper(*[KeyError("oops")] * MOST_FAULTS))
    rig.put(1, 2, 3, 4, 5, 6)
    async with rig.running():
        await rig.delivered(3)
    assert rig.counters.losses == {"refused": 3}
    assert rig.counters.seen["retries"] == MOST_FAULTS - 1


async def test_faults_count_in_a_row_only() -> None:
    almost = [KeyError("oops")] * (MOST_FAULTS - 1)
    rig = Rig(FakeShipper(*almost, (), *almost, ()))
    rig.put(1, 2, 3, 4, 5, 6)
    async with rig.running():
        await rig.delivered(6)
    assert not rig.counters.losses


async def test_the_next_request_has_its_own_tries_after_one_that_met_a_fault_to_the_end() -> None:
    rig = Rig(FakeShipper(*[KeyError("oops")] * (MOST_FAULTS + 1)))
    rig.put(1, 2, 3, 4, 5, 6)
    async with rig.running():
        await rig.delivered(3)
    assert rig.counters.losses == {"refused": 3}


class FaultyAtFirst(FakeShipper):
    """Fails with each batch almost as often as would have it refused, by a fault of its own."""

    async def send(self, records: Sequence[bytes]) -> Sequence[int]:
        await super().send(records)
        if self.sent.count(tuple(records)) < MOST_FAULTS:
            raise KeyError("oops")
        return ()


async def test_faults_of_one_lane_are_not_those_of_the_other() -> None:
    rig = Rig(FaultyAtFirst())
    rig.put(1)
    rig.put(1, lane=URGENT)
    async with rig.running():
        await until(lambda: len(rig.shipper.sent) == 2 * MOST_FAULTS, "both were tried to the end")
    assert not rig.counters.losses


@pytest.mark.parametrize("error", [OSError("unreachable"), MemoryError(), RuntimeError("can't start new thread")])
async def test_the_systems_errors_are_tried_again_however_often(error: Exception) -> None:
    rig = Rig(FakeShipper(*[error] * 4 * MOST_FAULTS))
    rig.put(1, 2, 3)
    async with rig.running():
        await rig.delivered(3)
    assert not rig.counters.losses


async def test_opening_is_tried_until_it_works() -> None:
    shipper = FakeShipper(opening=[PermanentError("no such file"), RetryableError("no network"), OSError()])
    rig = Rig(shipper)
    rig.put(1, 2, 3)
    async with rig.running():
        await rig.delivered(3)
    assert (shipper.opened, rig.counters.seen["retries"], dict(rig.counters.losses)) == (1, 3, {})


async def test_trouble_is_told_at_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rig = Rig(FakeShipper(*[RetryableError("busy")] * 5))
    rig.put(1, 2, 3)
    async with rig.running():
        await rig.delivered(3)
    assert caplog.messages == [
        "delivery to fake fails and will be tried again: busy",
        "delivery to fake works again (failures before: 5)",
    ]


async def test_a_destination_that_is_gone_ends_the_run() -> None:
    rig = Rig(FakeShipper(*[DestinationGone("closed")] * 2))
    rig.put(1, 2, 3, 4)
    async with rig.running() as task:
        with pytest.raises(DestinationGone):
            await task
    assert not await rig.delivery.flush(5)
    assert rig.counters.losses == {"undelivered_at_stop": 4}


async def test_closing_closes_the_shipper() -> None:
    rig = Rig(FakeShipper())
    await rig.delivery.aclose()
    assert rig.shipper.closed == 1


async def test_one_slow_destination_holds_up_nobody_else() -> None:
    slow, quick = Rig(FakeShipper()), Rig(FakeShipper())
    slow.shipper.gate.clear()
    async with slow.running(), quick.running():
        for rig in (slow, quick):
            rig.put(1, 2, 3)
        await quick.delivered(3)
    assert slow.counters.seen["delivered"] == 0


OUTCOMES: dict[str, Callable[[], Exception | list[int]]] = {
    "taken": list,
    "busy": lambda: RetryableError("busy"),
    "refused": lambda: PermanentError("no"),
    "fault": lambda: ValueError("fault"),
    "first failed": lambda: [0],
    "many failed": lambda: [0, 2, 3, 7],
}


@given(
    lanes=st.lists(st.sampled_from(Lane), max_size=40),
    outcomes=st.lists(st.sampled_from(sorted(OUTCOMES)), max_size=12),
    encoding=st.sampled_from(Encoding),
    room=st.integers(300, 10_000),
)
@settings(deadline=None, max_examples=60)
def test_in_equals_delivered_plus_lost(lanes: list[Lane], outcomes: list[str], encoding: Encoding, room: int) -> None:
    async def scenario() -> None:
        shipper = FakeShipper(*(OUTCOMES[name]() for name in outcomes), encoding=encoding)
        rig = Rig(shipper, max_bytes=room)
        async with rig.running():
            for seq, lane in enumerate(lanes):
                rig.put(seq, lane=lane)
                await asyncio.sleep(0)
            assert await rig.delivery.flush(60)
        assert rig.counters.seen["delivered"] + sum(rig.counters.losses.values()) == len(lanes)
        assert set(rig.counters.losses) <= {"spool_full", "refused"}

    asyncio.run(scenario())
