"""The bounded intake between the collectors and enrichment, for one loop and one consumer.

The consumer gets together what has come together: an event that comes after a pause is handed out at once, those of
the next moment together with them (`clock.TOGETHER_S`). Where little happens each wake-up costs as much as several
events, since nothing is in the CPU's caches any more. What cannot wait, and a queue that fills, end the rest.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Self

from sensor.model.clock import Clock, Later, Timer, until_together
from sensor.model.counters import Counters
from sensor.model.events import Event
from sensor.model.kinds import URGENT_KINDS

URGENT_ROOM = 1_000
"""How many more events fit when only urgent ones are let in."""

TURN = 32
"""Events handed out in a row before the loop's other tasks get their turn; collectors have deadlines of 20 ms. Where so
many wait the rest is over."""


class EventQueue:
    """First in, first out, bounded in events. `emit` is what collectors are given.

    `may_wait` is asked of events that are not urgent, while the consumer rests.
    """

    def __init__(
        self,
        *,
        capacity: int,
        counters: Counters,
        clock: Clock,
        later: Later,
        may_wait: Callable[[Event], bool] = lambda _: True,
    ) -> None:
        self._counters = counters
        self._clock = clock
        self._later = later
        self._may_wait = may_wait
        self._waiting: deque[Event] = deque()
        self._closed = False
        self._wake: asyncio.Future[None] | None = None
        self._timer: Timer | None = None
        self._rest_until = 0.0
        self.limit(capacity)

    def __len__(self) -> int:
        return len(self._waiting)

    def emit(self, event: Event) -> bool:
        """Take an event without waiting. False means that it was dropped and has been counted as lost."""
        if self._closed:
            self._counters.lost("queue_closed", event.count)
            return False
        waiting = len(self._waiting)
        if waiting >= self._capacity and not self._lets_in(event):
            self._counters.lost("queue_full", event.count)
            return False
        self._waiting.append(event)
        if self._wake is not None:
            if waiting + 1 >= self._enough or event.kind in URGENT_KINDS or not self._may_wait(event):
                self._wake_up()
            elif self._timer is None:
                self._wake_in_time()
        return True

    def limit(self, capacity: int) -> None:
        """Hold no more than this from now on; what waits beyond it stays."""
        self._capacity = capacity
        self._enough = min(TURN, max(1, capacity // 2))

    def close(self) -> None:
        """Take nothing more. The consumer still gets what waits, then the end."""
        self._closed = True
        self._wake_up()

    async def take(self) -> list[Event]:
        """The oldest events, once it is time; none when the queue is closed and empty. Safe to cancel."""
        if self._waiting:
            await asyncio.sleep(0)  # it came to more than one turn
        while not self._waiting and not self._closed:
            await self._rest()
        taken = [self._waiting.popleft() for _ in range(min(TURN, len(self._waiting)))]
        now = self._clock.monotonic()
        self._rest_until = now + until_together(now)
        return taken

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Event]:
        events = await self.take()
        if not events:
            raise StopAsyncIteration
        return events

    def _lets_in(self, event: Event) -> bool:
        """Whether there is room beyond the capacity."""
        return event.kind in URGENT_KINDS and len(self._waiting) < self._capacity + URGENT_ROOM

    async def _rest(self) -> None:
        self._wake = asyncio.get_running_loop().create_future()
        try:
            await self._wake
        finally:
            self._wake = None
            self._stop_timer()

    def _wake_in_time(self) -> None:
        wait = self._rest_until - self._clock.monotonic()
        if wait > 0:
            self._timer = self._later(wait, self._ring)
        else:
            self._wake_up()

    def _ring(self) -> None:
        self._timer = None
        self._wake_up()

    def _wake_up(self) -> None:
        self._stop_timer()
        wake, self._wake = self._wake, None
        if wake is not None and not wake.done():
            wake.set_result(None)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
