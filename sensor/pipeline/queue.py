"""The bounded intake between the collectors and enrichment, for one loop and one consumer."""

import asyncio
from collections import deque
from typing import Self

from sensor.model.counters import Counters
from sensor.model.events import Event
from sensor.model.kinds import Lane, lane_of

URGENT_ROOM = 1_000
"""How many more events fit when only urgent ones are let in."""

TURN = 32
"""Events handed out in a row before the loop's other tasks get their turn; collectors have deadlines of 20 ms."""


class EventQueue:
    """First in, first out, bounded in events. `emit` is what collectors are given."""

    def __init__(self, *, capacity: int, counters: Counters) -> None:
        self._capacity = capacity
        self._counters = counters
        self._waiting: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._closed = False
        self._in_a_row = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def emit(self, event: Event) -> bool:
        """Take an event without waiting. False means that it was dropped and has been counted as lost."""
        if self._closed:
            self._counters.lost("queue_closed", event.count)
            return False
        if len(self._waiting) >= self._room_for(event):
            self._counters.lost("queue_full", event.count)
            return False
        self._waiting.append(event)
        self._arrived.set()
        return True

    def limit(self, capacity: int) -> None:
        """Hold no more than this from now on; what waits beyond it stays."""
        self._capacity = capacity

    def close(self) -> None:
        """Take nothing more. The consumer still gets what waits, then the end."""
        self._closed = True
        self._arrived.set()

    async def get(self) -> Event | None:
        """The oldest event, once there is one; None when the queue is closed and empty. Safe to cancel."""
        await self._let_others_run()
        while not self._waiting:
            if self._closed:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = await self.get()
        if event is None:
            raise StopAsyncIteration
        return event

    def _room_for(self, event: Event) -> int:
        return self._capacity + (URGENT_ROOM if lane_of(event.kind) is Lane.URGENT else 0)

    async def _let_others_run(self) -> None:
        self._in_a_row += 1
        if self._in_a_row >= TURN:
            self._in_a_row = 0
            await asyncio.sleep(0)
