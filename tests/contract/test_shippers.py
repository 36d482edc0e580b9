"""What every shipper promises, whatever it pushes to: the same scenarios for all."""

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import aws_far
import pytest
from fakes import FakeClock
from fakes_pipeline import HEADER, alone, encoded, unsealed
from loopback_http import HANG, loopback
from running import until

from sensor.model.codec import event_from_json
from sensor.model.counters import Counters
from sensor.model.errors import DeliveryError, DestinationGone, RetryableError
from sensor.model.protocols import Encoding, Shipper
from sensor.pipeline.batch import seal
from sensor.pipeline.delivery import Delivery
from sensor.pipeline.spool.spool import Spool
from shippers import registry
from shippers.ingest_http import IngestHttp
from shippers.stdout import Stdout


class Far(Protocol):
    """The far end of a shipper."""

    shipper: Shipper

    async def received(self, count: int) -> list[bytes]:
        """The first `count` records that arrived, waited for."""
        ...


class FarIngest:
    """An ingest, or something in its place."""

    def __init__(self, shipper: Shipper, bodies: Callable[[], list[bytes]]) -> None:
        self.shipper = shipper
        self._bodies = bodies

    async def received(self, count: int) -> list[bytes]:
        return await until(lambda: self._bodies() if len(self._bodies()) >= count else None, f"{count} records") or []


class FarPipe:
    """Whoever reads a pipe, line by line."""

    def __init__(self, shipper: Shipper, reader: asyncio.StreamReader) -> None:
        self.shipper = shipper
        self._reader = reader

    async def received(self, count: int) -> list[bytes]:
        async with asyncio.timeout(20):
            return [(await self._reader.readline()).rstrip(b"\n") for _ in range(count)]


@asynccontextmanager
async def ingest_that_takes() -> AsyncIterator[Far]:
    async with loopback() as server:
        shipper = IngestHttp(url=server.address, clock=FakeClock(), token="t0ken")
        yield FarIngest(shipper, lambda: [request.body for request in server.requests])


@asynccontextmanager
async def ingest_that_stalls() -> AsyncIterator[Far]:
    async with loopback(HANG) as server:
        shipper = IngestHttp(url=server.address, clock=FakeClock())
        yield FarIngest(shipper, lambda: [request.body for request in server.requests])


@asynccontextmanager
async def no_ingest() -> AsyncIterator[Far]:
    async with loopback() as server:
        address = server.address
    yield FarIngest(IngestHttp(url=address, clock=FakeClock()), list)


@asynccontextmanager
async def pipe_that_is_read() -> AsyncIterator[Far]:
    out, into = os.pipe()
    reader = asyncio.StreamReader(limit=2**24)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(out, "rb")
    )
    try:
        yield FarPipe(Stdout(fd=into), reader)
    finally:
        os.close(into)
        transport.close()
        await asyncio.sleep(0)


@asynccontextmanager
async def pipe_that_stalls() -> AsyncIterator[Far]:
    out, into = os.pipe()
    room = os.write(into, b"\n" * 2**16)
    assert room == 2**16
    try:
        yield FarPipe(Stdout(fd=into), asyncio.StreamReader())
    finally:
        os.close(out)
        await until(lambda: not writers(), "the writer saw that nobody reads")
        os.close(into)


@asynccontextmanager
async def pipe_without_reader() -> AsyncIterator[Far]:
    out, into = os.pipe()
    os.close(out)
    try:
        yield FarPipe(Stdout(fd=into), asyncio.StreamReader())
    finally:
        os.close(into)


def writers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "stdout"]


@asynccontextmanager
async def opened(far: Far) -> AsyncIterator[Shipper]:
    await far.shipper.open()
    try:
        yield far.shipper
    finally:
        await far.shipper.aclose()


AWS = ("kinesis", "firehose", "sqs", "s3")
TAKING = {"ingest_http": ingest_that_takes, "stdout": pipe_that_is_read}
STALLING = {"ingest_http": ingest_that_stalls, "stdout": pipe_that_stalls}
BROKEN = {"ingest_http": no_ingest, "stdout": pipe_without_reader}

each = pytest.mark.parametrize("name", sorted(registry.FACTORIES))

Taking = Callable[[str], AbstractAsyncContextManager[Far]]


@pytest.fixture
def taking(request: pytest.FixtureRequest) -> Taking:
    """A far end that takes; AWS's is started when it is first asked for."""

    def far(name: str) -> AbstractAsyncContextManager[Far]:
        return aws_far.taking(name, request.getfixturevalue("aws")) if name in AWS else TAKING[name]()

    return far


def stalling(name: str) -> AbstractAsyncContextManager[Far]:
    return aws_far.stalling(name) if name in AWS else STALLING[name]()


def broken(name: str) -> AbstractAsyncContextManager[Far]:
    return aws_far.broken(name) if name in AWS else BROKEN[name]()


def record(seq: int, size: int = 0) -> bytes:
    """An event as it travels alone, made longer by a field that nobody knows."""
    (whole,) = alone(Encoding.JSON, HEADER, [encoded(seq)])
    head = whole[:-1] + b',"x":"'
    return head.ljust(size - 2, b"x") + b'"}'


@each
async def test_its_name_is_the_one_in_the_registry_and_its_limits_hold_a_batch(name: str, taking: Taking) -> None:
    async with taking(name) as far:
        shipper = far.shipper
        assert shipper.name == name
        assert shipper.encoding in Encoding
        assert shipper.limits.records >= 1
        assert shipper.limits.record_bytes > 256 * 1024
        assert min(shipper.limits[:3]) > 0


@each
async def test_records_arrive_in_order_byte_for_byte(name: str, taking: Taking) -> None:
    records = [record(n, n * 1000 + 1) for n in range(40, 60)]
    async with taking(name) as far, opened(far) as shipper:
        for one in records:
            assert not await shipper.send([one])
        assert await far.received(len(records)) == records


@each
async def test_a_request_as_large_as_the_limits_arrives(name: str, taking: Taking) -> None:
    async with taking(name) as far, opened(far) as shipper:
        limits = shipper.limits
        count = min(limits.records, 100)
        size = min(limits.request_bytes // count, limits.record_bytes)
        records = [record(n, size) for n in range(count)]
        assert {len(one) for one in records} == {size}
        sending = asyncio.ensure_future(shipper.send(records))
        assert await far.received(count) == records
        assert not await sending


@each
async def test_it_closes_before_open_and_twice_and_opens_again(name: str, taking: Taking) -> None:
    async with taking(name) as far:
        await far.shipper.aclose()
        records = [record(1), record(2)]
        for one in records:
            async with opened(far) as shipper:
                assert not await shipper.send([one])
            await far.shipper.aclose()
        assert await far.received(2) == records


@each
async def test_a_broken_destination_is_an_error_of_delivery(name: str) -> None:
    async with broken(name) as far, opened(far) as shipper:
        for _ in range(2):
            with pytest.raises(DeliveryError) as failed:
                await shipper.send([record(1)])
            assert isinstance(failed.value, (RetryableError, DestinationGone))
            assert str(failed.value).isprintable()


@each
async def test_a_stalled_destination_stalls_nobody_else_and_can_be_given_up(name: str) -> None:
    async with stalling(name) as far, opened(far) as shipper:
        sending = asyncio.ensure_future(shipper.send([record(1, 1000)]))
        for _ in range(1000):
            await asyncio.sleep(0)
        assert not sending.done()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


@each
async def test_a_delivery_through_it_loses_nothing(name: str, taking: Taking) -> None:
    counters = Counters()
    async with taking(name) as far:
        clock = FakeClock()
        spool = Spool(
            [far.shipper.name],
            memory_bytes=2**20,
            counters=counters,
            later=asyncio.get_running_loop().call_later,
        )
        delivery = Delivery(far.shipper, spool=spool, counters=counters, clock=clock)
        for first in range(1, 31, 10):
            spool.append(seal(HEADER, [encoded(seq) for seq in range(first, first + 10)]))
        assert await delivery.flush(20)
        await delivery.aclose()
        records = await far.received(3 if far.shipper.encoding is Encoding.BATCH else 30)
    assert counters.seen["delivered"] == 30
    assert seqs(far.shipper.encoding, records) == list(range(1, 31))


def seqs(encoding: Encoding, records: list[bytes]) -> list[int]:
    if encoding is Encoding.JSON:
        return [event_from_json(json.loads(one)).seq for one in records]
    return [event.seq for one in records for event in unsealed(one).events]
