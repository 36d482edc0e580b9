"""Running the endpoint under uvicorn until a signal asks it to end."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator

from starlette.types import ASGIApp
from uvicorn import Config, Server

from ingest import connections
from ingest.config import Settings
from ingest.listening import BACKLOG, bound
from ingest.server import Endpoint
from ingest.store.sqlite import Retention, SqliteStore

log = logging.getLogger("ingest")

KEEP_ALIVE_SECONDS = 75
"""Longer than the time between two heartbeats, so that a quiet sensor keeps its connection."""

GRACE_SECONDS = 5
"""For requests under way when the end is asked for."""


class _Server(Server):
    """uvicorn without its own signal handling, which would end the process by the signal instead of with code 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: Settings, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT. Raises `StoreUnusable` when the store cannot be opened."""
    connections.raise_limit()
    retention = Retention(settings.retention_days, settings.retention_bytes)
    store = SqliteStore.open(settings.data_dir, retention)
    try:
        endpoint = Endpoint(settings, store)
        server = server_of(endpoint.app)
        _end_on_signals(server, endpoint)
        log.info("listening on http://%s, data in %s", bound(listening), settings.data_dir.absolute())
        await server.serve(sockets=[listening])
    finally:
        await store.aclose()
    log.info("ended")


def server_of(app: ASGIApp) -> Server:
    """The server as it is run, whatever the application; it ends when its `should_exit` is set."""
    return _Server(
        Config(
            app,
            loop="asyncio",
            http=connections.protocol(connections.allowed()),
            backlog=BACKLOG,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


def _end_on_signals(server: Server, endpoint: Endpoint) -> None:
    def end(number: int) -> None:
        log.info("%s: ending", signal.Signals(number).name)
        endpoint.close_streams()
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end, number)
