"""Minutes without an ingest, in virtual time: real sealing, real spool files, a real ingest with its store.

Only waiting is not real: the clock is moved by hand, a second at a time.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx

from ingest.config import Settings
from ingest.server import Endpoint
from ingest.store.sqlite import Retention, SqliteStore
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.errors import RetryableError
from sensor.model.events import Event, Header, Sensor, Task
from sensor.model.kinds import Lane
from sensor.model.protocols import Encoding, Limits
from sensor.pipeline.backoff import Backoff
from sensor.pipeline.batch import SealWhen
from sensor.pipeline.batcher import Batcher
from sensor.pipeline.delivery import Delivery
from sensor.pipeline.encode import Encoder
from sensor.pipeline.spool.opening import open_directory
from sensor.pipeline.spool.spool import Spool
from sensor.pipeline.spool.worker import DiskThread
from tests.fakes_timers import FakeTimers

MIB = 1024 * 1024
TOKENS = {"write_token": "write-in-outage", "read_token": "read-in-outage"}
HEADER = Header(Sensor("bench", "epoch", "0"), Task("docker"))


class Outcome(NamedTuple):
    """What was put in, what the store has and was given twice, what was lost, and the most that the spool needed."""

    events: int
    stored: int
    doubled_on_the_wire: int
    lost: int
    spool_bytes: int
    memory_bytes: int


class Shipper:
    """Posts to an ingest in this process, unless it is `down`; now and then the answer of a stored batch is lost."""

    name = "ingest_http"
    encoding = Encoding.BATCH
    limits = Limits(1, 4 * MIB, 4 * MIB)

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._sent = 0
        self.down = False
        self.doubled = 0

    async def open(self) -> None:
        """Nothing to do."""

    async def send(self, records: Sequence[bytes]) -> Sequence[int]:
        """One batch."""
        if self.down:
            await asyncio.sleep(0)
            raise RetryableError("down")
        headers = {
            "Authorization": f"Bearer {TOKENS['write_token']}",
            "Content-Type": "application/msgpack",
            "Content-Encoding": "zstd",
        }
        answer = await self._client.post("/v1/batches", content=records[0], headers=headers)
        self.doubled += answer.raise_for_status().json()["duplicates"]
        self._sent += 1
        if self._sent % 50 == 0:
            raise RetryableError("the answer is lost on its way")
        return ()

    async def aclose(self) -> None:
        """Nothing to do."""


def outage(events: Sequence[Event], *, seconds: int = 600, a_second: int = 200) -> Outcome:
    """Run it; `events` are used again and again."""
    return asyncio.run(_outage(events, seconds, a_second))


async def _outage(events: Sequence[Event], seconds: int, a_second: int) -> Outcome:
    with TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "spool").mkdir()
        store = SqliteStore.open(directory, Retention(30, 2**34), SystemClock())
        app = Endpoint(Settings.model_validate(TOKENS), store).app
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest") as client:
            try:
                return await _run(events, seconds, a_second, Shipper(client), store, directory / "spool")
            finally:
                await store.aclose()


async def _run(
    events: Sequence[Event], seconds: int, a_second: int, shipper: Shipper, store: SqliteStore, directory: Path
) -> Outcome:
    timers, counters, thread = FakeTimers(), Counters(), DiskThread()
    spool = Spool([shipper.name], memory_bytes=8 * MIB, counters=counters, later=timers.later)
    opened = await open_directory(str(directory), thread, clock=timers.clock, counters=counters)
    if opened is None:
        raise OSError(f"{directory} cannot be used")
    spool.adopt(opened.saver, 64 * MIB, opened.found)
    batcher = Batcher(header=lambda: HEADER, out=spool.append, clock=timers.clock, later=timers.later, when=SealWhen())
    encoder = Encoder(counters)

    async def pause(wait: float | None, until: asyncio.Event) -> None:
        """A retry is made when virtual time has come so far; the real one only has to turn the loop."""
        end = None if wait is None else timers.clock.monotonic() + wait
        while not until.is_set() and (end is None or timers.clock.monotonic() < end):  # noqa: ASYNC110  # virtual
            await asyncio.sleep(0)

    delivery = Delivery(shipper, spool=spool, counters=counters, clock=timers.clock, backoff=Backoff(), pause=pause)
    running = asyncio.create_task(delivery.run())
    number = most = held = 0
    for second in range(seconds + 60):
        shipper.down = 30 <= second < seconds + 30
        for _ in range(a_second):
            item = encoder.encode(events[number % len(events)])
            number += 1
            if item is not None:
                spool.numbered(item.lane, item.seq)
                batcher.put(item)
        timers.pass_time(1)
        await _settled(thread)
        most = max(most, sum(file.stat().st_size for file in (directory / "fargate-sensor-spool").iterdir()))
        held = max(held, sum(spool.held(lane) for lane in Lane))
    batcher.flush()
    while any(spool.unread(shipper.name, lane) for lane in Lane) or counters.seen["delivered"] < number:
        timers.pass_time(1)
        await _settled(thread)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await spool.aclose(5)
    thread.close()
    stored = (await store.state()).events
    return Outcome(number, stored, shipper.doubled, sum(counters.losses.values()), most, held)


async def _settled(thread: DiskThread) -> None:
    """Until the disk has done what it was given."""
    done = asyncio.Event()
    thread.submit(lambda: None, lambda _: done.set())
    await done.wait()
