"""A delivery with a fake shipper and a clock of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fakes_pipeline import HEADER, FakePause, FakeShipper, encoded, unsealed
from running import until

from sensor.model.counters import Counters
from sensor.model.errors import DestinationGone
from sensor.model.events import Batch
from sensor.model.kinds import Lane
from sensor.model.protocols import Encoding, Limits
from sensor.pipeline.backoff import Backoff, Pause
from sensor.pipeline.batch import seal
from sensor.pipeline.delivery import Delivery
from sensor.pipeline.spool.spool import Spool
from tests.fakes_timers import FakeTimers

ORDINARY = Lane.ORDINARY
MIB = 1024 * 1024


class Rig:
    """A delivery with a fake shipper, a clock that runs whenever it waits, and no chance in its waits."""

    def __init__(self, shipper: FakeShipper, batch: int = 3, max_bytes: int = MIB) -> None:
        self.shipper = shipper
        self.batch = batch
        self.counters = Counters()
        self.timers = FakeTimers()
        self.clock = self.timers.clock
        self.pause = FakePause(self.clock)
        self.spool = Spool(
            [shipper.name],
            memory_bytes=max_bytes,
            counters=self.counters,
            later=self.timers.later,
        )
        self.delivery = self.new_delivery(self.pause)

    def new_delivery(self, pause: Pause) -> Delivery:
        return Delivery(
            self.shipper,
            spool=self.spool,
            counters=self.counters,
            clock=self.clock,
            backoff=Backoff(uniform=lambda _low, high: high),
            pause=pause,
        )

    def put(self, *numbers: int, lane: Lane = ORDINARY, padding: int = 0) -> None:
        """Events in batches of `batch`."""
        for start in range(0, len(numbers), self.batch):
            items = [encoded(seq, lane, padding) for seq in numbers[start : start + self.batch]]
            self.spool.append(seal(HEADER, items))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.delivery.run())
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, DestinationGone):
                await task

    async def delivered(self, count: int) -> None:
        await until(lambda: self.counters.seen["delivered"] >= count, f"{count} events were delivered")

    def batches(self) -> list[Batch]:
        """What the shipper was handed, call by call (`Encoding.BATCH`)."""
        return [unsealed(record) for records in self.shipper.sent for record in records]

    def seqs(self) -> list[tuple[Lane, list[int]]]:
        """The lane and the numbers of each batch that the shipper was handed."""
        return [(batch.events[0].lane, [e.seq for e in batch.events]) for batch in self.batches()]


def json_seqs(records: tuple[bytes, ...]) -> list[int]:
    return [json.loads(record)["seq"] for record in records]


def json_shipper(*outcomes: Exception | list[int], limits: Limits | None = None) -> FakeShipper:
    return FakeShipper(*outcomes, encoding=Encoding.JSON, limits=limits or Limits(10, MIB, MIB))
