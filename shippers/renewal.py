"""What is good for a while, and is renewed before it ends by one at a time: credentials, the token of a login."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from sensor.model.clock import Clock
from sensor.model.errors import RetryableError

AGAIN_S = 30.0
"""From one renewal to the next, while what is held is good: it may fail, or bring the same again."""

T = TypeVar("T")


class Renewal(Generic[T]):
    """Holds the one thing. `is_good` says whether it can still be used, `is_due` whether a new one should be there."""

    def __init__(self, is_good: Callable[[T], bool], is_due: Callable[[T], bool], clock: Clock) -> None:
        self._is_good = is_good
        self._is_due = is_due
        self._clock = clock
        self._held: T | None = None
        self._not_before = 0.0
        self._turn = asyncio.Lock()

    async def current(self, renew: Callable[[], Awaitable[T]]) -> T:
        """What is good now, from `renew` if need be. Raises what that does, but no `RetryableError` while the old one
        is good."""
        if (held := self._at_hand()) is not None:
            return held
        async with self._turn:
            if (held := self._at_hand()) is not None:
                return held
            return await self._renewed(renew)

    def drop(self) -> None:
        """It was refused: the next who asks gets a new one."""
        self._held = None

    def _at_hand(self) -> T | None:
        """What is held, if it is good and not due, or its renewal is under way."""
        held = self._held
        if held is None or not self._is_good(held):
            return None
        return None if self._is_due(held) and self._clock.monotonic() >= self._not_before else held

    async def _renewed(self, renew: Callable[[], Awaitable[T]]) -> T:
        old = self._held
        if old is None or not self._is_good(old):
            self._held = new = await renew()
            return new
        # First, so that nobody else waits for a renewal that hangs, or begins one that was cut off again at once.
        self._not_before = self._clock.monotonic() + AGAIN_S
        try:
            self._held = new = await renew()
        except RetryableError:
            return old
        return new
