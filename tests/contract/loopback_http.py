"""A real HTTP/1.1 server on loopback that answers as it is told, well or badly, and keeps what it was asked."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

HANG = "hang"
"""Read the request and never answer."""

RESET = "reset"
"""Read the request and reset the connection."""

DRIP = "drip"
"""Answer for ever, a byte at a time."""


class Request(NamedTuple):
    """What a client sent; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answer = bytes | str | Callable[[Request], bytes]
"""What is said to a request, how to misbehave, or what makes an answer of it."""


def answer(status: int, body: object = None, **headers: str) -> bytes:
    """A whole response; the body as JSON, `Retry_After="1"` as Retry-After."""
    payload = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Because", f"Content-Length: {len(payload)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + payload


TAKEN = answer(202, {"accepted": 1, "duplicates": 0})


class Loopback:
    """Takes the answers in turn, then `TAKEN` for ever."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.port = 0
        self.address = ""
        self._answers = list(answers)
        self._stop = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self, context: ssl.SSLContext | None) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        self.address = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"

    async def aclose(self) -> None:
        assert self._server is not None
        self._server.close()
        self._stop.set()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        talking = asyncio.ensure_future(self._talk(reader, writer))
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({talking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (talking, stopping):
            task.cancel()
        await asyncio.gather(talking, stopping, return_exceptions=True)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            self.requests.append(request := await _request(reader))
            if request.method == "CONNECT":
                await _tunnel(request, reader, writer)
                return
            said = self._answers.pop(0) if self._answers else TAKEN
            if isinstance(said, str):
                await self._misbehave(said, writer)
            else:
                writer.write(said if isinstance(said, bytes) else said(request))
                await writer.drain()

    async def _misbehave(self, how: str, writer: asyncio.StreamWriter) -> None:
        if how == RESET:
            _reset(writer)
        elif how == DRIP:
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000000\r\n\r\n")
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.005)
        await self._stop.wait()


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, target, _ = first.split(" ")
    return Request(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN: SO_LINGER with no time (socket(7))."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _tunnel(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be a proxy: bytes both ways, to the port asked for on loopback."""
    onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", int(request.target.rsplit(":", 1)[1]))
    writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
    try:
        await asyncio.gather(_copy(reader, onward_writer), _copy(onward_reader, writer))
    finally:
        onward_writer.close()
        with suppress(OSError):
            await onward_writer.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def loopback(*answers: Answer, context: ssl.SSLContext | None = None) -> AsyncIterator[Loopback]:
    """A server for the length of a block."""
    server = Loopback(answers)
    await server.start(context)
    try:
        yield server
    finally:
        await server.aclose()
