"""The endpoint as one ASGI application: the only place that puts its parts together."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest import console
from ingest.answers import Refused, answer, refusal, retry_later
from ingest.auth import Right, Tokens
from ingest.batches import LATER, Batches
from ingest.body import Limits
from ingest.config import SHORTEST_TOKEN, Settings
from ingest.identity import assembly
from ingest.identity.login import Login
from ingest.identity.tickets import Tickets
from ingest.metrics import Metrics
from ingest.queries import Queries
from ingest.secret_values import Rotating
from ingest.seldom import Seldom
from ingest.store.errors import StoreError, StoreSlow, StoreUnavailable
from ingest.store.protocol import Store
from ingest.stream import Streams
from sensor.model.clock import Clock, SystemClock

log = logging.getLogger("ingest")

RETAIN_SECONDS = 60.0
"""Between two rounds of retention by age; the bound on size is kept with every write."""

Handler = Callable[[Request], Awaitable[Response]]


class Endpoint:
    """The application and what must be told when it ends. Makes no connection and starts no task by itself."""

    def __init__(self, settings: Settings, store: Store, clock: Clock | None = None) -> None:
        clock = clock or SystemClock()
        self._store = store
        self._metrics = Metrics()
        self._http = assembly.client()
        tickets = assembly.tickets(settings, clock)
        self._tokens = _tokens(settings, tickets)
        ways = assembly.ways(settings, self._http, clock)
        self._login = Login(ways, tickets, self._metrics, clock, settings.max_logins)
        limits = Limits(settings.max_body_bytes, settings.max_batch_bytes)
        self._batches = Batches(store, self._metrics, limits, settings.max_waiting)
        self._streams = Streams(store, self._metrics, settings.max_streams, settings.stream_lag)
        self._queries = Queries(store, clock)
        self._check, self._state = Seldom(lambda: store.check(), clock), Seldom(lambda: store.state(), clock)
        self.app = Starlette(
            routes=[*self._routes(), *console.routes()],
            exception_handlers={
                Refused: _refused,
                HTTPException: _no_such_thing,
                StoreError: _store_failed,
                Exception: _fault,
            },
            lifespan=self._lifespan,
        )

    def close_streams(self) -> None:
        """End the live streams, which would otherwise hold up a graceful end."""
        self._streams.close()

    async def aclose(self) -> None:
        """Let go of threads and connections; the store belongs to whoever opened it."""
        self._batches.close()
        await self._http.aclose()

    def _routes(self) -> list[Route]:
        return [
            Route("/v1/login", self._metrics.timed("login", self._login.post), methods=["POST"]),
            Route("/v1/batches", self._guarded("batches", Right.WRITE, self._batches.post), methods=["POST"]),
            Route("/v1/tasks", self._guarded("tasks", Right.READ, self._queries.tasks)),
            Route("/v1/tasks/{task:path}/tree", self._guarded("tree", Right.READ, self._queries.tree)),
            Route("/v1/events", self._guarded("events", Right.READ, self._queries.events)),
            Route("/v1/stream", self._guarded("stream", Right.READ, self._streams.get)),
            Route("/healthz", self._alive),
            Route("/readyz", self._ready),
            Route("/metrics", self._measured),
        ]

    def _guarded(self, route: str, right: Right, handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            request.state.principal = self._tokens.demand(right, request)
            return await handler(request)

        return self._metrics.timed(route, handle)

    async def _alive(self, _: Request) -> Response:
        return answer({"status": "ok"})

    async def _ready(self, _: Request) -> Response:
        await self._check()
        return answer({"status": "ok"})

    async def _measured(self, _: Request) -> Response:
        try:
            return self._metrics.exposition(await self._state())
        except StoreError:  # its own metrics are wanted most when the store is in trouble
            return self._metrics.exposition(None)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        retaining = asyncio.create_task(self._retain())
        try:
            yield
        finally:
            retaining.cancel()
            await asyncio.gather(retaining, return_exceptions=True)
            await self.aclose()

    async def _retain(self) -> None:
        while True:
            try:
                deleted = await self._store.retain()
            except StoreError as error:
                log.warning("retention failed, trying again in %g s: %s", RETAIN_SECONDS, error)
            else:
                if deleted:
                    log.info("%d events deleted because of their age or the size of the store", deleted)
            await asyncio.sleep(RETAIN_SECONDS)


def _tokens(settings: Settings, tickets: Tickets) -> Tokens:
    write, read = settings.write_token, settings.read_token
    return Tokens(
        None if write is None else Rotating(write.get_secret_value(), SHORTEST_TOKEN, settings.write_token_file),
        Rotating(read.get_secret_value(), SHORTEST_TOKEN, settings.read_token_file),
        tickets,
    )


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - registered for nothing else; tells mypy
    return refusal(error)


async def _no_such_thing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else; tells mypy
    if error.status_code == 404:
        return refusal(Refused(404, f"there is no {request.url.path}"))
    if error.status_code == 405:
        return refusal(Refused(405, f"{request.method} is not possible here", error.headers))
    return refusal(Refused(error.status_code, error.detail, error.headers))


async def _store_failed(_: Request, error: Exception) -> Response:
    hint = LATER if isinstance(error, StoreUnavailable | StoreSlow) else 2 * LATER
    return refusal(retry_later(503, str(error), hint))


async def _fault(request: Request, error: Exception) -> Response:
    """A fault of ours: the client learns that much, the log all of it (the server writes the traceback)."""
    log.error("%s %s failed: %s", request.method, request.url.path, type(error).__name__)
    return refusal(Refused(500, "the ingest failed on this request; its log says why"))
