"""Which batches of the spool count as acknowledged while their records are sent one by one."""

import asyncio
from collections.abc import Iterator

import pytest
from fakes_pipeline import HEADER, LIMITS, encoded

from sensor.model.counters import Counters
from sensor.model.kinds import Lane
from sensor.model.protocols import Encoding, Limits, Roll
from sensor.pipeline.batch import Sealed, seal
from sensor.pipeline.outbox import OBJECT_BYTES, TURN, Outbox
from sensor.pipeline.spool.record import HEADER_BYTES
from sensor.pipeline.spool.spool import Left, Spool
from sensor.pipeline.unseal import Record, Unseal, unsealer
from tests.fakes_timers import FakeTimers

LANE = Lane.ORDINARY


class Noting(Spool):
    """A spool that also notes what it is told."""

    acknowledged: list[int]

    def acknowledge(self, name: str, lane: Lane, position: int) -> None:
        self.acknowledged.append(position)
        super().acknowledge(name, lane, position)


def outbox(
    *batches: list[int], unseal: Unseal | None = None, limits: Limits = LIMITS, memory: int = 2**20
) -> tuple[Outbox, Noting]:
    timers, counters = FakeTimers(), Counters()
    spool = Noting(["d"], memory_bytes=memory, counters=counters, later=timers.later)
    spool.acknowledged = []
    for numbers in batches:
        spool.append(seal(HEADER, [encoded(seq) for seq in numbers]))
    unseal = unseal or unsealer(Encoding.JSON, counters)
    return Outbox("d", LANE, spool=spool, unseal=unseal, limits=limits, counters=counters), spool


async def test_a_batch_is_acknowledged_when_all_of_its_records_are_settled() -> None:
    sending, spool = outbox([1, 2], [3, 4])
    first = await sending.request()
    assert [record.position for record in first] == [1, 1, 2, 2]
    assert len(sending.settle(first, again=[3])) == 3
    assert spool.acknowledged == [2]
    assert len(sending.settle(await sending.request())) == 1
    assert spool.acknowledged == [2, 3]
    assert not sending.waiting()


@pytest.mark.parametrize("limit", [{"records": 3}, {"request_bytes": 500}])
async def test_no_more_is_read_of_the_spool_than_a_request_may_carry(limit: dict[str, int]) -> None:
    sending, spool = outbox(*([number] for number in range(1, 11)), limits=LIMITS._replace(**limit))
    before = spool.unread_events("d", LANE)
    carried = len(await sending.request())

    assert 1 <= carried <= 3
    assert spool.unread_events("d", LANE) >= before - carried - 1


async def test_nothing_is_acknowledged_while_the_first_record_waits() -> None:
    sending, spool = outbox([1, 2], [3])
    sending.settle(await sending.request(), again=[0])
    assert max(spool.acknowledged) == 1


async def test_what_is_given_up_is_counted_once_and_not_acknowledged() -> None:
    sending, spool = outbox([1, 2], [3])
    request = await sending.request()
    assert sending.give_up() == Left(lost=3, kept=0)
    assert sending.settle(request) == []
    assert spool.acknowledged == []
    assert not sending.waiting()


async def test_a_batch_without_any_record_that_fits_is_passed_over() -> None:
    sending, spool = outbox([1], [2], unseal=lambda sealed: [])
    assert await sending.request() == []
    assert spool.acknowledged == [2, 3]


class Making:
    """An `Unseal` of many records a batch, which tells how many it has made."""

    made = 0

    def __call__(self, sealed: Sealed) -> Iterator[Record]:
        for _ in range(sealed.count):
            self.made += 1
            yield b"x", 1


async def begun(sending: Outbox, turns: int) -> asyncio.Task[object]:
    """A request that was given so many turns."""
    asking = asyncio.ensure_future(sending.request())
    for _ in range(turns):
        await asyncio.sleep(0)
    return asking


async def test_while_records_are_made_others_have_their_turn() -> None:
    making = Making()
    sending, _ = outbox(list(range(1, 3 * TURN + 2)), unseal=making)
    asking = await begun(sending, 1)
    assert making.made == TURN
    await asking
    assert making.made == 3 * TURN + 1


async def test_batches_without_a_record_take_no_turn_from_others_either() -> None:
    sending, spool = outbox([1], [2], [3], unseal=lambda sealed: [])
    asking = await begun(sending, 1)
    assert spool.unread_events("d", LANE) == 2
    assert await asking == []


async def test_a_request_that_is_cut_off_goes_on_where_it_was() -> None:
    sending, spool = outbox(list(range(1, 2 * TURN + 2)), [100], unseal=Making())
    asking = await begun(sending, 1)
    asking.cancel()
    await asyncio.wait([asking])
    assert sending.waiting()
    request = await sending.request()
    assert [record.position for record in request] == [1] * (2 * TURN + 1) + [2]
    sending.settle(request[: 2 * TURN])
    assert max(spool.acknowledged) == 1
    sending.settle(request[2 * TURN :])
    assert max(spool.acknowledged) == 3


async def test_a_batch_is_not_acknowledged_while_records_of_it_are_still_to_be_made() -> None:
    sending, spool = outbox(list(range(1, 2 * TURN + 1)), unseal=Making(), limits=LIMITS._replace(records=TURN))
    sending.settle(await sending.request())
    assert sending.waiting()
    assert max(spool.acknowledged) == 1
    sending.settle(await sending.request())
    assert await sending.request() == []
    assert not sending.waiting()
    assert max(spool.acknowledged) == 2


async def test_what_was_not_made_yet_of_a_batch_is_given_up_with_it() -> None:
    sending, _ = outbox(list(range(1, 2 * TURN + 2)), [100], unseal=Making())
    asking = await begun(sending, 1)
    assert sending.give_up() == Left(lost=2 * TURN + 2, kept=0)
    assert await asking == []
    assert not sending.waiting()


@pytest.mark.parametrize(("memory", "enough"), [(2**20, 2**18), (2**23, OBJECT_BYTES)])
async def test_an_object_is_due_when_its_batches_take_much_of_the_spool(memory: int, enough: int) -> None:
    limits = LIMITS._replace(roll=Roll(events=1_000, age=60.0))
    sending, spool = outbox(limits=limits, memory=memory)
    sealed = seal(HEADER, [encoded(1)])
    spool.append(sealed._replace(data=bytes(enough - HEADER_BYTES - 1)))
    assert sending.due_in(5.0) == 60.0
    spool.append(sealed)
    assert sending.due_in(5.0) == 0


async def test_what_waits_after_an_outage_is_not_counted_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = LIMITS._replace(roll=Roll(events=1_000, age=60.0))
    sending, spool = outbox(*([number] for number in range(1, 300)), limits=limits, memory=64 * 1024)
    counted = list[Lane]()
    monkeypatch.setattr(spool, "unread_events", lambda _name, lane: counted.append(lane))
    assert (sending.due_in(0), counted) == (0, [])


async def test_while_memory_is_short_an_object_is_due_sooner() -> None:
    sending, spool = outbox([1], limits=LIMITS._replace(roll=Roll(events=1_000, age=60.0)))
    size = spool.unread_bytes("d", LANE)
    for room, due in ((4 * size + 4, 60.0), (4 * size, 0)):
        spool.limit(room)
        assert sending.due_in(5.0) == due


async def test_what_comes_while_an_object_is_sent_waits_for_the_age_of_its_own() -> None:
    sending, spool = outbox([1], limits=LIMITS._replace(roll=Roll(events=1_000, age=60.0)))
    assert [sending.due_in(5.0), sending.due_in(65.0)] == [60.0, 0]
    request = await sending.request()
    spool.append(seal(HEADER, [encoded(2)]))
    sending.settle(request)
    assert sending.due_in(66.0) == 60.0


async def test_an_object_that_was_given_up_is_not_made_again_with_what_comes_later() -> None:
    sending, spool = outbox([1, 2], limits=LIMITS._replace(roll=Roll(events=1_000, age=60.0)))
    await sending.request()
    sending.give_up()
    spool.append(seal(HEADER, [encoded(3)]))
    later = await sending.request()
    assert [record.position for record in later] == [2]
    assert sending.settle(later) == later
    assert not sending.waiting()
