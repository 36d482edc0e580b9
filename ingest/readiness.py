"""Whether the store can be written to, tried at most once a second: anybody may ask, and each try is a commit."""

import asyncio

from ingest.store.errors import StoreError
from ingest.store.protocol import Store
from sensor.model.clock import Clock

SECONDS = 1.0


class Readiness:
    """Remembers the last look."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._looked: float | None = None
        self._problem: StoreError | None = None
        self._looking = asyncio.Lock()

    async def check(self) -> None:
        """Raise `StoreUnavailable` if writing was not possible at the last look; who comes meanwhile waits for it."""
        async with self._looking:
            if self._looked is None or self._clock.monotonic() - self._looked >= SECONDS:
                await self._look()
        if self._problem is not None:
            raise type(self._problem)(*self._problem.args)

    async def _look(self) -> None:
        try:
            await self._store.check()
        except StoreError as error:
            self._problem = error
        else:
            self._problem = None
        self._looked = self._clock.monotonic()
