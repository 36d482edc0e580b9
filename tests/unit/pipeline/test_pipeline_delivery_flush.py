"""Delivery's end: what is left goes within the deadline, or is counted."""

import asyncio
from collections.abc import Sequence

import pytest
from delivery_rig import Rig
from fakes_pipeline import FakeShipper
from running import until

from sensor.model.errors import PermanentError, RetryableError
from sensor.model.kinds import Lane
from sensor.pipeline import delivery
from sensor.pipeline.delivery import LAST_WAIT_S


async def test_flush_of_nothing_is_done_at_once() -> None:
    rig = Rig(FakeShipper())
    assert await rig.delivery.flush(0)
    assert rig.shipper.opened == 0


async def test_flush_takes_over_from_run_and_repeats_nothing() -> None:
    rig = Rig(FakeShipper())
    rig.shipper.gate.clear()
    rig.put(1, 2, 3, 4)
    async with rig.running() as task:
        await until(lambda: rig.shipper.sent, "the first request is under way")
        flushing = asyncio.ensure_future(rig.delivery.flush(30))
        await asyncio.sleep(0)
        rig.shipper.gate.set()
        assert await flushing
        await task
    assert rig.seqs() == [(Lane.ORDINARY, [1, 2, 3]), (Lane.ORDINARY, [4])]


async def test_flush_ends_a_long_wait() -> None:
    rig = Rig(FakeShipper(RetryableError("busy", 200.0)))
    waiting = asyncio.Event()

    async def pause(seconds: float | None, until_set: asyncio.Event) -> None:
        waiting.set()
        await until_set.wait()

    rig.delivery = rig.new_delivery(pause)
    rig.put(1, lane=Lane.URGENT)
    async with rig.running() as task:
        await waiting.wait()
        assert await rig.delivery.flush(30)
        await task
    assert rig.counters.seen["delivered"] == 1


async def test_a_request_cut_off_by_cancelling_run_is_made_again() -> None:
    rig = Rig(FakeShipper())
    rig.shipper.gate.clear()
    rig.put(1, 2, 3)
    async with rig.running():
        await until(lambda: rig.shipper.sent, "the request is under way")
    rig.shipper.gate.set()
    assert await rig.delivery.flush(5)
    assert len(rig.shipper.sent) == 2
    assert len(set(rig.shipper.sent)) == 1
    assert rig.counters.seen["delivered"] == 3


class Hangs(FakeShipper):
    """Its first request, or its first opening, goes into a black hole."""

    def __init__(self, *, opening: bool = False) -> None:
        super().__init__()
        self.hangs = ["open" if opening else "send"]

    async def open(self) -> None:
        await self._may_hang("open")
        await super().open()

    async def send(self, records: Sequence[bytes]) -> Sequence[int]:
        taken = await super().send(records)
        await self._may_hang("send")
        return taken

    async def _may_hang(self, call: str) -> None:
        if call in self.hangs:
            self.hangs.clear()
            await asyncio.Event().wait()


@pytest.mark.parametrize("under_way", [True, False])
@pytest.mark.parametrize("opening", [True, False])
async def test_what_hangs_is_cut_off_in_half_of_the_time_and_sent_again(
    monkeypatch: pytest.MonkeyPatch, opening: bool, under_way: bool
) -> None:
    monkeypatch.setattr(delivery, "LEAST_ATTEMPT_S", 0.1)
    rig = Rig(shipper := Hangs(opening=opening))
    rig.put(1, 2, 3, 4)
    if under_way:
        async with rig.running() as task:
            await until(lambda: not shipper.hangs, "it hangs")
            assert await rig.delivery.flush(1)
            await task
    else:
        assert await rig.delivery.flush(1)
    sent = [(Lane.ORDINARY, [1, 2, 3]), (Lane.ORDINARY, [4])]
    assert rig.seqs() == (sent if opening else [sent[0], *sent])
    assert (rig.counters.seen["delivered"], rig.counters.seen["retries"]) == (4, 1)
    assert not rig.counters.losses


async def test_an_attempt_is_not_cut_shorter_than_is_of_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "LEAST_ATTEMPT_S", 30.0)
    rig = Rig(FakeShipper())
    rig.shipper.gate.clear()
    rig.put(1)
    assert not await rig.delivery.flush(0.2)
    assert len(rig.shipper.sent) == 1


async def test_before_the_stop_a_request_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "LEAST_ATTEMPT_S", 0.01)
    rig = Rig(FakeShipper())
    rig.shipper.gate.clear()
    rig.put(1)
    async with rig.running():
        await until(lambda: rig.shipper.sent, "the request is under way")
        await asyncio.sleep(0.05)
        rig.shipper.gate.set()
        await rig.delivered(1)
    assert len(rig.shipper.sent) == 1


async def test_flush_retries_within_its_deadline() -> None:
    rig = Rig(FakeShipper(*[RetryableError("busy", 60.0)] * 9))
    rig.put(1)
    assert await rig.delivery.flush(20)
    assert rig.pause.seconds[:3] == [10.0, 5.0, 2.5]
    assert min(rig.pause.seconds) == rig.pause.seconds[-1] == LAST_WAIT_S


async def test_what_is_left_after_the_deadline_is_counted() -> None:
    rig = Rig(FakeShipper())
    rig.shipper.gate.clear()
    rig.put(1, 2, 3, 4)
    rig.put(1, lane=Lane.URGENT)
    assert not await rig.delivery.flush(0.05)
    assert rig.counters.losses == {"undelivered_at_stop": 5}
    assert rig.counters.seen["delivered"] == 0


@pytest.mark.parametrize("outcome", [(), [0], PermanentError("no")])
async def test_what_was_given_up_is_not_counted_twice(outcome: Exception | list[int]) -> None:
    rig = Rig(FakeShipper(outcome))
    rig.shipper.gate.clear()
    rig.put(1, 2, 3)
    async with rig.running() as task:
        await until(lambda: rig.shipper.sent, "the request is under way")
        assert not await rig.delivery.flush(0.05)
        rig.shipper.gate.set()
        await task
    assert rig.counters.losses == {"undelivered_at_stop": 3}
    assert rig.counters.seen["delivered"] == 0
    assert await rig.delivery.flush(1)
