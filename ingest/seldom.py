"""Questions to the store that anybody may have asked without a token: at most once a second, however many come."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from ingest.store.errors import StoreError
from sensor.model.clock import Clock

T = TypeVar("T")

SECONDS = 1.0


class Seldom(Generic[T]):
    """Remembers the last answer, or that there was none; who comes while it is asked waits for it."""

    def __init__(self, ask: Callable[[], Awaitable[T]], clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._asked: float | None = None
        self._answer: T | StoreError
        self._asking = asyncio.Lock()

    async def __call__(self) -> T:
        """The answer. Raises the `StoreError` that the last question ended with."""
        async with self._asking:
            if self._asked is None or self._clock.monotonic() - self._asked >= SECONDS:
                await self._look()
        if isinstance(self._answer, StoreError):
            raise type(self._answer)(*self._answer.args)
        return self._answer

    async def _look(self) -> None:
        try:
            self._answer = await self._ask()
        except StoreError as error:
            self._answer = error
        self._asked = self._clock.monotonic()
