import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from sensor.containers import metadata_get
from sensor.containers.metadata_get import BODY_LIMIT, HEAD_LIMIT, MetadataUnreachable, get

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(talk: Talk) -> AsyncIterator[str]:
    """A server on loopback; yields its address. The last connection is over before the block ends."""
    over = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
            await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()
            over.set()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v4/x/task"
        await asyncio.wait_for(over.wait(), 10)


def answering(answer: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    return talk


async def test_the_body_of_an_answer_with_its_length() -> None:
    async with serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}and more")) as url:
        assert await get(url) == b"{}"


async def test_the_body_of_an_answer_that_ends_with_the_connection() -> None:
    body = b"x" * 300_000
    async with serving(answering(b"HTTP/1.0 200 OK\r\n\r\n" + body)) as url:
        assert await get(url) == body


async def test_the_request_is_plain_and_ignores_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n{}")

    async with serving(talk) as url:
        await get(url)
    assert seen[0].startswith(b"GET /v4/x/task HTTP/1.0\r\nHost: 127.0.0.1:")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.0 404 Not Found\r\n\r\n", "status '404 Not Found'"),
        (b"HTTP/1.0 302 Found\r\nLocation: http://198.51.100.1/\r\n\r\n", "status '302 Found'"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "no HTTP: 'SSH-2.0"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "chunks"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: -5\r\n\r\n", "content-length '-5'"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 9999999\r\n\r\n", "larger than 1048576 bytes"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n{}", "ended within the answer"),
        (b"HTTP/1.0 200 OK\r\n", "ended within the answer"),
        (b"", "ended within the answer"),
        (b"HTTP/1.0 200 OK\r\nX: " + b"x" * 2 * HEAD_LIMIT, "head is larger"),
        (b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * (BODY_LIMIT + 1), "larger than 1048576 bytes"),
    ],
)
async def test_any_other_answer_is_refused_with_its_reason(answer: bytes, reason: str) -> None:
    async with serving(answering(answer)) as url:
        with pytest.raises(MetadataUnreachable, match=reason):
            await get(url)


async def test_an_endpoint_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata_get, "TIMEOUT_S", 0.05)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(talk) as url:
        with pytest.raises(MetadataUnreachable, match=r"no whole answer within 0\.05 s"):
            await get(url)


async def test_a_closed_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(MetadataUnreachable, match=r"refused|Connect call failed"):
        await get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd",
        "https://127.0.0.1/",
        "http://",
        "http://127.0.0.1:x/",
        "http://127.0.0.1/a b",
        "http://[::1",
    ],
)
async def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(MetadataUnreachable):
        await get(url)
