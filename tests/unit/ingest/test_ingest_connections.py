"""Connections that are too many, or ask nothing."""

import asyncio
import resource
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from ingest_served import served
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from ingest import connections
from ingest.config import Address

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def slow(_: Request) -> Response:
    await asyncio.sleep(1)
    return PlainTextResponse("done")


async def at_once(_: Request) -> Response:
    return PlainTextResponse("done")


async def large(_: Request) -> Response:
    return PlainTextResponse("x" * LARGE)


LARGE = 16 * 1024 * 1024
ROUTES = [Route("/", at_once, methods=["GET", "POST"]), Route("/slow", slow), Route("/large", large)]
APP = Starlette(routes=ROUTES)

Connect = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connected(address: Address, sent: bytes = b"") -> Connect:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(sent)
    return reader, writer


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What came until the server closed."""
    with suppress(ConnectionResetError):
        return await asyncio.wait_for(reader.read(), 10)
    return b""


@pytest.fixture
def bounded(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def bound(most: int = 100, first_s: float = 0.3, keep_alive_s: int = 75) -> None:
        made = connections.protocol
        monkeypatch.setattr(connections, "protocol", lambda _: made(most, first_s))
        monkeypatch.setattr("ingest.service.KEEP_ALIVE_SECONDS", keep_alive_s)

    return bound


@pytest.mark.parametrize("sent", [b"", HEAD])
async def test_who_does_not_ask_in_time_is_left(bounded: Callable[..., None], sent: bytes) -> None:
    bounded()
    async with served(APP) as address:
        reader, writer = await connected(address, sent)
        assert await ended(reader) == b""
        writer.close()


async def test_bytes_that_are_no_request_win_no_time(bounded: Callable[..., None]) -> None:
    bounded(keep_alive_s=1)
    async with served(APP) as address:
        asked = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx"
        reader, writer = await connected(address, asked)
        assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200")

        async def trickle() -> None:
            while not reader.at_eof():
                writer.write(b"x")
                await asyncio.sleep(0.02)

        with suppress(ConnectionError):
            await asyncio.wait_for(asyncio.gather(trickle(), ended(reader)), 5)
        writer.close()


async def test_who_has_asked_may_wait_for_the_answer_and_ask_again(bounded: Callable[..., None]) -> None:
    bounded()
    async with served(APP) as address:
        reader, writer = await connected(address, HEAD.replace(b"/ ", b"/slow ") + b"\r\n")
        assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(0.5)
        writer.write(HEAD + b"\r\n")
        assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200")
        writer.close()


@pytest.mark.parametrize("reads_on", [True, False])
async def test_a_large_answer_is_sent_for_as_long_as_it_is_read(bounded: Callable[..., None], reads_on: bool) -> None:
    bounded(keep_alive_s=0)
    async with served(APP) as address:
        reader, writer = await connected(address, HEAD.replace(b"/ ", b"/large ") + b"\r\n")
        received = 0
        if not reads_on:
            await asyncio.sleep(1)
        with suppress(ConnectionResetError):
            while chunk := await reader.read(128 * 1024):
                received += len(chunk)
                await asyncio.sleep(0.01)
        assert (received > LARGE) is reads_on
        writer.close()


async def test_more_than_the_bound_are_closed_and_told_once(
    bounded: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    bounded(most=2, first_s=60)
    async with served(APP) as address:
        kept = [await connected(address, HEAD) for _ in range(2)]
        for _ in range(3):
            reader, writer = await connected(address, HEAD + b"\r\n")
            assert await ended(reader) == b""
            writer.close()
        for reader, writer in kept:
            writer.write(b"\r\n")
            assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200")
            writer.close()
    assert caplog.text.count("2 connections are open, so that new ones are closed") == 1


@pytest.mark.parametrize("sent", [b"no request\r\n\r\n", HEAD + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"])
async def test_what_is_no_request_fills_no_log(
    bounded: Callable[..., None], caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    bounded(keep_alive_s=0)
    caplog.set_level("WARNING")
    async with served(APP) as address:
        for _ in range(20):
            reader, writer = await connected(address, sent)
            assert (await ended(reader)).startswith(b"HTTP/1.1 ")
            writer.close()
    assert [record.getMessage() for record in caplog.records] == ["Invalid HTTP request received."] * (b"no" in sent)


async def test_each_fault_of_an_application_is_told(
    bounded: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    async def faulty(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError

    bounded()
    async with served(Starlette(routes=[Mount("/", faulty)])) as address:
        for _ in range(2):
            reader, writer = await connected(address, HEAD + b"Connection: close\r\n\r\n")
            assert (await ended(reader)).startswith(b"HTTP/1.1 500")
            writer.close()
    assert caplog.text.count("Exception in ASGI application") == 2


@pytest.fixture
def limits() -> Iterator[Callable[[int], None]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield lambda soft: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_descriptors_are_left_for_all_else(limits: Callable[[int], None]) -> None:
    limits(200)
    assert connections.allowed() == 100
    limits(1024)
    assert connections.allowed() == 768
    connections.raise_limit()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == hard
