"""httpx over asyncio's streams, against a server on loopback that says what each test has it say."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from loopback_http import HANG, RESET, TAKEN, answer, loopback
from running import until

from shippers.http_client import http_client
from shippers.http_transport import _origin

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def client(**seconds: float) -> AsyncIterator[httpx.AsyncClient]:
    timeout = httpx.Timeout(10.0, **seconds)
    async with http_client(ca_file=None, timeout=timeout) as opened:
        yield opened


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[str]:
    """A server whose connections are left to `talk`; its address."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_an_answer_in_chunks_is_put_together_and_its_connection_used_again() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with loopback(chunked, chunked) as server, client() as http:
        for _ in range(2):
            response = await http.post(server.address, content=b"x")
            assert (response.status_code, response.content, response.headers["x-a"]) == (200, b"abcde", "1")
    assert server.connections == 1


async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nall of it")

    async with talking(talk) as address, client() as http:
        for _ in range(2):
            assert (await http.get(address)).content == b"all of it"


async def test_what_comes_before_the_answer_is_passed_over() -> None:
    async with (
        loopback(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(200, "x")) as server,
        client() as http,
    ):
        assert (await http.get(server.address)).status_code == 200


async def test_another_protocol_is_not_spoken() -> None:
    said = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\n"
    async with loopback(said) as server, client() as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get(server.address)


async def test_what_was_said_unasked_answers_no_later_request() -> None:
    async with loopback(TAKEN + answer(400, "unasked"), answer(200, "asked")) as server, client() as http:
        assert (await http.get(server.address)).status_code == 202
        assert (await http.get(server.address)).json() == "asked"
    assert server.connections == 2


async def test_a_connection_that_the_server_has_closed_is_replaced() -> None:
    closed = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(TAKEN)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        closed.set()

    async with talking(talk) as address, client() as http:
        for _ in range(3):
            assert (await http.get(address)).status_code == 202
            await asyncio.wait_for(closed.wait(), 20)
            closed.clear()


async def test_an_answer_that_is_left_unread_does_not_meet_the_next_request() -> None:
    endless = b"HTTP/1.1 400 Bad\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000
    async with loopback(endless) as server, client() as http:
        async with http.stream("GET", server.address) as response:
            assert response.status_code == 400
        assert (await http.get(server.address)).status_code == 202
    assert server.connections == 2


async def test_a_server_that_refuses_before_it_has_read_all_is_heard() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.write_eof()
        while await reader.read(65_536):
            pass

    async with talking(talk) as address, client() as http:
        assert (await http.post(address, content=b"x" * 8_000_000)).status_code == 413


@pytest.mark.parametrize(("how", "error"), [(HANG, httpx.ReadTimeout), (RESET, httpx.ReadError)])
async def test_no_answer_is_an_error_of_httpx(how: str, error: type[Exception]) -> None:
    async with loopback(how) as server, client(read=0.2) as http:
        with pytest.raises(error):
            await http.get(server.address)
        assert (await http.get(server.address)).status_code == 202  # and nothing of it is left


async def test_a_connection_that_ends_without_an_answer_is_said() -> None:
    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with talking(talk) as address, client() as http:
        with pytest.raises(httpx.RemoteProtocolError, match="closed without an answer"):
            await http.get(address)


async def test_an_answer_that_ends_early_is_none() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nless")

    async with talking(talk) as address, client() as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get(address)


async def test_a_head_without_end_is_given_up() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 202 Accepted\r\n" + b"X-Long: " + b"x" * 1_000_000)
        await reader.read()

    async with talking(talk) as address, client() as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get(address)


async def test_more_than_two_wait_for_their_turn_and_for_so_long_only() -> None:
    async with loopback(HANG, HANG) as server, client(pool=0.2, read=30.0) as http:
        waiting = [asyncio.ensure_future(http.get(server.address)) for _ in range(2)]
        await until(lambda: len(server.requests) == 2, "both requests are there")
        with pytest.raises(httpx.PoolTimeout):
            await http.get(server.address)
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert (await http.get(server.address)).status_code == 202  # a cancelled request has made room


async def test_other_schemes_are_refused() -> None:
    async with client() as http:
        with pytest.raises(httpx.UnsupportedProtocol):
            await http.get("ftp://127.0.0.1/")


async def test_a_header_that_http_does_not_carry_is_a_fault_of_the_request() -> None:
    async with loopback(TAKEN) as server, client() as http:
        with pytest.raises(httpx.LocalProtocolError):
            await http.post(server.address, headers={"Authorization": "s3cret\n"})
        response = await http.post(server.address)
    assert response.status_code == 202


@pytest.mark.parametrize(
    ("url", "port"), [("http://a", 80), ("https://a", 443), ("https://a:80", 80), ("http://[::1]:8443/x", 8443)]
)
def test_without_a_port_it_is_that_of_the_scheme(url: str, port: int) -> None:
    assert _origin(httpx.URL(url)) == (url.startswith("https"), "::1" if "::1" in url else "a", port)
