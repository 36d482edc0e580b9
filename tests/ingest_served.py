"""An application under uvicorn as the ingest runs it, for tests that need a socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.types import ASGIApp

from ingest.config import Address
from ingest.listening import bound, listen
from ingest.service import server_of

DEADLINE = 20


@asynccontextmanager
async def served(app: ASGIApp, close: Callable[[], None] = lambda: None) -> AsyncIterator[Address]:
    """The application on a port of the loopback; `close` is called before the server ends."""
    with listen(Address("127.0.0.1", 0)) as listening:
        address, server = bound(listening), server_of(app)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            async with asyncio.timeout(DEADLINE):
                yield address
        finally:
            close()
            server.should_exit = True
            await asyncio.wait_for(serving, DEADLINE)
