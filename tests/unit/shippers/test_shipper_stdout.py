"""Lines for people and pipes."""

import asyncio
import os
import select
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fakes import FakeClock
from fakes_pipeline import HEADER, event
from running import until

from sensor.model.counters import Counters
from sensor.model.errors import DestinationGone
from sensor.model.events import Detection, Process
from sensor.model.kinds import Kind
from sensor.model.protocols import Encoding
from sensor.pipeline.batch import seal
from sensor.pipeline.delivery import Delivery
from sensor.pipeline.encode import Encoder
from sensor.pipeline.spool.spool import Spool
from shippers.record_facts import facts
from shippers.stdout import Render, Stdout


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    out, into = os.pipe()
    yield out, into
    for fd in (out, into):
        os.close(fd)


@asynccontextmanager
async def writing(fd: int, render: Render | None = None) -> AsyncIterator[Stdout]:
    shipper = Stdout(fd=fd, render=render)
    await shipper.open()
    try:
        yield shipper
    finally:
        await shipper.aclose()


def refused(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


async def test_each_record_is_a_line(pipe: tuple[int, int]) -> None:
    out, into = pipe
    async with writing(into) as shipper:
        assert not await shipper.send([b'{"a":1}', b'{"b":"\xc3\xa4"}'])
    assert os.read(out, 100) == b'{"a":1}\n{"b":"\xc3\xa4"}\n'


async def test_records_can_be_shown_otherwise_or_left_out(pipe: tuple[int, int]) -> None:
    out, into = pipe
    async with writing(into, lambda record: None if record == b"dull" else record.upper()) as shipper:
        assert not await shipper.send([b"dull"])
        assert not await shipper.send([b"dull", b"news", b"dull"])
    assert os.read(out, 100) == b"NEWS\n"


async def test_a_file_takes_lines_too(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    async with writing(fd) as shipper:
        for n in range(100):
            await shipper.send([b"%d" % n])
    os.close(fd)
    assert (tmp_path / "log").read_bytes() == b"".join(b"%d\n" % n for n in range(100))


async def test_once_nobody_reads_it_stays_so_and_says_why() -> None:
    out, into = os.pipe()
    os.close(out)
    async with writing(into) as shipper:
        for _ in range(2):
            with pytest.raises(DestinationGone, match=f"^descriptor {into}: Broken pipe$"):
                await shipper.send([b"record"])
    os.close(into)


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "made non-blocking by others"])
async def test_more_than_a_pipe_holds_is_written_while_it_is_read(pipe: tuple[int, int], blocking: bool) -> None:
    out, into = pipe
    os.set_blocking(into, blocking)
    record = b"x" * 1_000_000
    got = b""
    async with writing(into) as shipper:
        sending = asyncio.ensure_future(shipper.send([record]))
        while len(got) <= len(record):
            got += await asyncio.to_thread(os.read, out, 65536)
        assert not await sending
    assert got == record + b"\n"


async def test_what_nobody_waits_for_any_more_is_written_all_the_same(pipe: tuple[int, int]) -> None:
    """As where the stop cuts off a request that a reader holds up."""
    out, into = pipe
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    async with writing(into) as shipper:
        sending = asyncio.ensure_future(shipper.send([b"x" * 300_000]))
        await until(lambda: select.select([out], [], [], 0)[0], "a pipe with something in it")
        sending.cancel()
        await asyncio.wait([sending])
        reading = asyncio.ensure_future(asyncio.to_thread(read_line, out))
        assert not await shipper.send([b"next"])
        assert await reading == b"x" * 300_000 + b"\n"
    assert not faults


def read_line(fd: int) -> bytes:
    """A line, and nothing behind it."""
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(fd, 300_001 - len(line))
    return line


async def test_a_reader_that_goes_while_a_full_pipe_is_waited_for_is_told() -> None:
    out, into = os.pipe()
    os.set_blocking(into, False)
    async with writing(into) as shipper:
        sending = asyncio.ensure_future(shipper.send([b"x" * 300_000]))
        await until(lambda: select.select([out], [], [], 0)[0], "a pipe with something in it")
        os.close(out)
        with pytest.raises(DestinationGone, match=f"^descriptor {into}: Broken pipe$"):
            await sending
    os.close(into)


async def test_a_thread_that_was_not_allowed_is_asked_for_again(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, into = pipe
    shipper = Stdout(fd=into)
    with monkeypatch.context() as at_the_limit:
        at_the_limit.setattr(threading.Thread, "start", refused)
        for _ in range(2):
            with pytest.raises(RuntimeError, match=r"^can't start new thread$"):
                await shipper.open()
    await shipper.open()
    assert not await asyncio.wait_for(shipper.send([b"line"]), 20)
    await shipper.aclose()
    assert os.read(out, 100) == b"line\n"


@pytest.mark.parametrize("encoding", [Encoding.JSON, Encoding.OCSF])
async def test_a_log_gets_lines_that_its_driver_does_not_split(pipe: tuple[int, int], encoding: Encoding) -> None:
    out, into = pipe
    counters, clock = Counters(), FakeClock()
    shipper = Stdout(fd=into, encoding=encoding, line_bytes=16_384)
    later = asyncio.get_running_loop().call_later
    spool = Spool([shipper.name], memory_bytes=2**20, counters=counters, later=later)
    delivery = Delivery(shipper, spool=spool, counters=counters, clock=clock)
    args = tuple("x" * 100 for _ in range(1_000))
    encoder = Encoder(counters)
    for kind in (Kind.DETECTION, Kind.SENSOR_HEARTBEAT):
        detection = Detection("r1", "t", "high") if kind is Kind.DETECTION else None
        item = encoder.encode(event(kind)._replace(process=Process("e1", 7, args=args), detection=detection))
        assert item is not None
        spool.append(seal(HEADER, [item]))
    assert await delivery.flush(20)
    await delivery.aclose()
    lines = os.read(out, 2**17).splitlines(keepends=True)
    assert [facts(line).kind for line in lines] == ["detection", "sensor.heartbeat"]
    assert max(map(len, lines)) <= 16_384
    assert not counters.losses
