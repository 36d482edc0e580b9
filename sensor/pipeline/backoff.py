"""Waiting: after a failure exponentially longer with full jitter, otherwise for a time or something to do."""

import asyncio
from collections.abc import Awaitable, Callable
from random import SystemRandom

_UNIFORM = SystemRandom().uniform

Pause = Callable[[float | None, asyncio.Event], Awaitable[None]]
"""Waits that many seconds (None: for ever), or until the event is set; injected, so that tests need not wait."""


async def pause(seconds: float | None, until: asyncio.Event) -> None:
    """The `Pause` that really waits."""
    try:
        async with asyncio.timeout(seconds):
            await until.wait()
    except TimeoutError:
        return


class Backoff:
    """The wait before the next attempt: anything up to a bound that doubles with every failure.

    Full jitter, so that many sensors that lost the same ingest do not come back in step.
    """

    def __init__(
        self,
        *,
        first: float = 0.5,
        longest: float = 30.0,
        longest_asked: float = 300.0,
        uniform: Callable[[float, float], float] = _UNIFORM,
    ) -> None:
        self._first = first
        self._longest = longest
        self._longest_asked = longest_asked
        self._uniform = uniform
        self._bound = first

    def next(self, asked: float | None = None) -> float:
        """Seconds to wait now. What the destination asked for is obeyed, up to a bound, and jittered a little; it may
        ask for more than our own wait, and not for less."""
        bound, self._bound = self._bound, min(self._bound * 2, self._longest)
        wait = self._uniform(0, bound)
        if asked is not None:
            return max(wait, min(asked, self._longest_asked) + self._uniform(0, self._first))
        return wait

    def reset(self) -> None:
        """Begin again with short waits: something went well."""
        self._bound = self._first
