"""`GET /v1/stream`: newly stored events as server-sent events (WHATWG HTML, section 9.2).

A stream reads the store from its own cursor whenever something was stored, as `tail -f` reads a file, so there is
no buffer to fill: a client that reads slowly holds one page. One that falls too far behind is moved to the end and told
`event: lost` with the number of events that went by (all of them, where it has filters: at most that many were its).
One whose next events retention has deleted is told so as well. `id` is the arrival number. A comment every
`QUIET_SECONDS` keeps the line open, and so does one after each page without a match while there are more; they bring
the cursor along, so that a client whose filters match rarely resumes from where it is.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ingest import parameters
from ingest.answers import HEADERS, Refused, retry_later
from ingest.metrics import Metrics
from ingest.store.errors import StoreError
from ingest.store.protocol import Page, Query, State, Store

MEDIA_TYPE = "text/event-stream"
PAGE = 200
QUIET_SECONDS = 15.0
HOLD_OFF_SECONDS = 0.1
"""Between two looks at the store, so that many small batches cost a stream no more than ten questions a second."""

RETRY_MS = 2_000
SOON = 5


class Streams:
    """The live streams, at most `most` at a time; `close` ends all of them."""

    def __init__(self, store: Store, metrics: Metrics, most: int, lag: int, quiet_s: float = QUIET_SECONDS) -> None:
        self._store = store
        self._metrics = metrics
        self._most = most
        self._lag = lag
        self._quiet_s = quiet_s
        self._open = 0
        self._closing = asyncio.Event()

    async def get(self, request: Request) -> Response:
        """Start a stream. Raises `Refused`."""
        query = parameters.parsed(parameters.Filters, request.query_params).query()
        resume = _last_event_id(request)
        if request.method == "HEAD":  # which goes with GET, and whose answer ends
            return Response(headers=HEADERS, media_type=MEDIA_TYPE)
        state = await self._store.state()
        if self._open >= self._most:
            raise retry_later(429, f"{self._open} streams are open already: close one and come again", SOON)
        self._count(1)
        return _Stream(self._events(query, _start(resume, state)), lambda: self._count(-1))

    def close(self) -> None:
        """End all streams; clients come back with the last id they saw."""
        self._closing.set()

    async def _events(self, query: Query, start: "_Start") -> AsyncGenerator[str, None]:
        yield f"retry: {RETRY_MS}\n: connected\nid: {start.cursor}\n\n"
        if start.lost:
            yield self._lost(start.lost, start.cursor)
        cursor, caught_up = start.cursor, False
        try:
            while not self._closing.is_set():
                behind = await self._store.news(cursor, 0) - cursor
                if caught_up and behind > self._lag:  # not before: by Last-Event-ID one gets all, however much
                    cursor += behind
                    yield self._lost(behind, cursor)
                page = await self._store.events(query._replace(newest_first=False, limit=PAGE, cursor=cursor))
                gone = page.oldest - 1 - cursor
                if gone > 0:  # deleted for their age or the room, while this was on its way to them
                    yield self._lost(gone, page.oldest - 1)
                cursor = max(cursor, page.reached)
                caught_up = caught_up or not page.more
                if page.events:
                    yield _text(page)
                elif page.more:
                    yield f": looking on\nid: {cursor}\n\n"
                if not page.more and not await self._wait(cursor):
                    yield f": nothing new\nid: {cursor}\n\n"
        except StoreError as error:
            yield f": {error}\n\n"

    async def _wait(self, cursor: int) -> bool:
        """Until something was stored, or closing began; False when neither came within the quiet time."""
        closing = asyncio.ensure_future(self._closing.wait())
        await asyncio.wait((closing,), timeout=HOLD_OFF_SECONDS)
        news = asyncio.ensure_future(self._store.news(cursor, self._quiet_s))
        try:
            await asyncio.wait((news, closing), return_when=asyncio.FIRST_COMPLETED)
            return closing.done() or news.result() > cursor
        finally:
            news.cancel()
            closing.cancel()

    def _lost(self, number: int, cursor: int) -> str:
        self._metrics.skipped.inc(number)
        return f"event: lost\nid: {cursor}\ndata: {number}\n\n"

    def _count(self, change: int) -> None:
        self._open += change
        self._metrics.streams.set(self._open)


class _Stream(StreamingResponse):
    """Tells when it is over, also where the client went away while a write was waiting for it."""

    def __init__(self, events: AsyncGenerator[str, None], over: Callable[[], None]) -> None:
        headers = {**HEADERS, "X-Accel-Buffering": "no"}  # a proxy that buffers would hold events back
        super().__init__(events, headers=headers, media_type=MEDIA_TYPE)
        self._events = events
        self._over = over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with aclosing(self._events):
                await super().__call__(scope, receive, send)
        finally:
            self._over()


class _Start(NamedTuple):
    """Where a stream begins, and how many events before that the client can no longer get."""

    cursor: int
    lost: int


def _start(resume: int | None, state: State) -> _Start:
    if resume is None:
        return _Start(state.latest, 0)
    if resume > state.latest:  # an id of another store, which this one has replaced
        return _Start(state.latest, state.latest + 1 - state.oldest)
    return _Start(max(resume, state.oldest - 1), max(0, state.oldest - 1 - resume))


def _last_event_id(request: Request) -> int | None:
    given = request.headers.get("last-event-id", "").strip()
    if not given:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", given):
        raise Refused(400, f"Last-Event-ID {given[:60]!r} is no id of this stream")
    return int(given)


def _text(page: Page) -> str:
    return "".join(f"id: {found.arrival}\ndata: {found.text}\n\n" for found in page.events)
