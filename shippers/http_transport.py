"""HTTP/1.1 for httpx over asyncio's own streams (python-httpx.org, "Custom Transports").

httpx's own transport is httpcore's, which brings anyio: 2.4 MB in each sensor, for connections that asyncio can make as
well (docs/adr/0101-httpx-goes-over-asyncios-streams.md). What comes over them is parsed by h11, as there. Proxies are
left to httpcore.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, cast

import h11
import httpx

CONNECTIONS = 2
"""At the same time: one for each lane."""
KEPT = 1
KEPT_S = 60.0
"""So long a connection is kept for the next request."""
CHUNK = 64 * 1024
MOST_HEAD = 100 * 1024
"""Bytes of an answer's head, at most."""
NEXT_ADDRESS_S = 0.25
"""After this time the next address of a name is tried beside the first (RFC 8305)."""

Context = Callable[[], ssl.SSLContext]
Seconds = Mapping[str, float | None]
"""The timeouts of a request by `connect`, `read`, `write` and `pool`, as httpx hands them over."""


class Origin(NamedTuple):
    """What a connection leads to."""

    secure: bool
    host: str
    port: int


class StreamTransport(httpx.AsyncBaseTransport):
    """Direct connections. `context` is asked for when the first one with TLS is made."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._room = asyncio.Semaphore(CONNECTIONS)
        self._kept: list[_Connection] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises the errors of httpx."""
        seconds: Seconds = request.extensions.get("timeout", {})
        with _errors(httpx.ConnectError, httpx.PoolTimeout):
            async with asyncio.timeout(seconds.get("pool")):
                await self._room.acquire()
        connection = None
        try:
            connection = await self._connection(_origin(request.url), seconds)
            await connection.send(request, seconds)
            head = await connection.head(seconds)
        except BaseException:
            self._release(connection)
            raise
        return httpx.Response(
            head.status_code,
            headers=list(head.headers),
            stream=_Body(connection, seconds, self._release),
            extensions={"http_version": b"HTTP/" + head.http_version, "reason_phrase": bytes(head.reason)},
        )

    async def aclose(self) -> None:
        """End the connections that are kept."""
        while self._kept:
            self._kept.pop().end()
        await asyncio.sleep(0)  # asyncio closes sockets in the next turn

    async def _connection(self, origin: Origin, seconds: Seconds) -> "_Connection":
        for connection in [one for one in self._kept if one.origin == origin]:
            self._kept.remove(connection)
            if await connection.is_usable():
                return connection
            connection.end()
        with _errors(httpx.ConnectError, httpx.ConnectTimeout):
            async with asyncio.timeout(seconds.get("connect")):
                reader, writer = await asyncio.open_connection(
                    origin.host,
                    origin.port,
                    ssl=self._context() if origin.secure else None,
                    happy_eyeballs_delay=NEXT_ADDRESS_S,
                )
        return _Connection(origin, reader, writer)

    def _release(self, connection: "_Connection | None") -> None:
        """Keep the connection if it may serve again, and let the next request have its turn."""
        self._room.release()
        if connection is None:
            return
        if len(self._kept) < KEPT and connection.is_at_rest():
            self._kept.append(connection)
        else:
            connection.end()


class _Connection:
    """One connection and where its exchange is."""

    def __init__(self, origin: Origin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.origin = origin
        self._reader = reader
        self._writer = writer
        self._exchange = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD)
        self._rested = 0.0

    async def send(self, request: httpx.Request, seconds: Seconds) -> None:
        """The request, whole. A server that has closed may have answered before: what it said is read all the same."""
        with _errors(httpx.WriteError, httpx.WriteTimeout):
            head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
        try:
            await self._write(head, seconds)
            async for part in cast(httpx.AsyncByteStream, request.stream):
                await self._write(h11.Data(data=part), seconds)
            await self._write(h11.EndOfMessage(), seconds)
        except httpx.WriteError:
            self._exchange.send_failed()

    async def head(self, seconds: Seconds) -> h11.Response:
        """The head of the answer, after what may come before it (RFC 9110, 15.2); h11 refuses another protocol."""
        while isinstance(event := await self.next(seconds), h11.InformationalResponse):
            pass
        if not isinstance(event, h11.Response):
            raise httpx.RemoteProtocolError("the server has closed without an answer")
        return event

    async def next(self, seconds: Seconds) -> object:
        """The next part of the answer."""
        with _errors(httpx.ReadError, httpx.ReadTimeout):
            while (event := self._exchange.next_event()) is h11.NEED_DATA:
                async with asyncio.timeout(seconds.get("read")):
                    data = await self._reader.read(CHUNK)
                if not data and self._exchange.their_state is h11.SEND_RESPONSE:
                    raise httpx.RemoteProtocolError("the server has closed without an answer")
                self._exchange.receive_data(data)
        return event

    def is_at_rest(self) -> bool:
        """Whether the exchange is over and another may follow, which is then begun."""
        exchange = self._exchange
        if not (exchange.our_state is exchange.their_state is h11.DONE) or exchange.trailing_data[0]:
            return False
        exchange.start_next_cycle()
        self._rested = asyncio.get_running_loop().time()
        return True

    async def is_usable(self) -> bool:
        """Whether the server has neither closed nor said anything since, and not too much time has gone by."""
        if asyncio.get_running_loop().time() - self._rested > KEPT_S:
            return False
        try:
            async with asyncio.timeout(0):
                await self._reader.read(1)
        except TimeoutError:
            return not (self._reader.at_eof() or self._writer.is_closing())
        except OSError:
            return False
        return False

    def end(self) -> None:
        """Close, in the loop's next turn, without a word: each exchange has had its end or is given up."""
        self._writer.transport.abort()

    async def _write(self, event: h11.Request | h11.Data | h11.EndOfMessage, seconds: Seconds) -> None:
        with _errors(httpx.WriteError, httpx.WriteTimeout):
            data = self._exchange.send(event)
            if data:
                self._writer.write(data)
                async with asyncio.timeout(seconds.get("write")):
                    await self._writer.drain()


class _Body(httpx.AsyncByteStream):
    """What follows the head; whoever has it closes it."""

    def __init__(self, connection: _Connection, seconds: Seconds, release: Callable[[_Connection], None]) -> None:
        self._connection = connection
        self._seconds = seconds
        self._release: Callable[[_Connection], None] | None = release

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while isinstance(event := await self._connection.next(self._seconds), h11.Data):
            yield bytes(event.data)

    async def aclose(self) -> None:
        """Safe to call twice."""
        release, self._release = self._release, None
        if release is not None:
            release(self._connection)


def _origin(url: httpx.URL) -> Origin:
    """Raises `httpx.UnsupportedProtocol`."""
    if url.scheme not in ("http", "https"):
        raise httpx.UnsupportedProtocol(f"{url.scheme}: neither http nor https")
    secure = url.scheme == "https"
    return Origin(secure, url.raw_host.decode("ascii"), url.port or (443 if secure else 80))


@contextmanager
def _errors(failed: type[httpx.TransportError], late: type[httpx.TransportError]) -> Generator[None, None, None]:
    """What asyncio and h11 raise, in the words of httpx."""
    try:
        yield
    except TimeoutError as error:  # of asyncio's, or the kernel's ETIMEDOUT
        raise (failed if error.errno else late)(str(error)) from error
    except OSError as error:  # ssl.SSLError is one
        raise failed(str(error)) from error
    except h11.RemoteProtocolError as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error)) from error
