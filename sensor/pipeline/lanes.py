"""Encoded events that wait for one destination: two lanes under one bound in bytes."""

from collections import deque

from sensor.model.counters import Counters
from sensor.model.kinds import Lane
from sensor.pipeline.encode import Encoded

OVERHEAD = 150
"""Bytes of memory that an event takes besides its own: the objects around them, on 64-bit CPython."""


class Lanes:
    """First in, first out in each lane. When full, ordinary events give way before urgent ones, the oldest first."""

    def __init__(self, *, max_bytes: int, counters: Counters) -> None:
        self._max_bytes = max_bytes
        self._counters = counters
        self._waiting: dict[Lane, deque[Encoded]] = {lane: deque() for lane in Lane}
        self._bytes = dict.fromkeys(Lane, 0)

    def count(self, lane: Lane) -> int:
        """How many events wait in the lane."""
        return len(self._waiting[lane])

    def bytes(self, lane: Lane) -> int:
        """How many bytes of events wait in the lane."""
        return self._bytes[lane]

    def put(self, item: Encoded) -> None:
        """Take an event; what must give way for it is counted as `spool_full`."""
        self._waiting[item.lane].append(item)
        self._bytes[item.lane] += len(item.data)
        while self._held() > self._max_bytes:
            self._pop(Lane.ORDINARY if self._waiting[Lane.ORDINARY] else Lane.URGENT)
            self._counters.lost("spool_full")

    def take(self, lane: Lane, max_events: int, max_bytes: int) -> list[Encoded]:
        """The oldest events of a lane, within both bounds but at least one if any waits; they leave the lane."""
        taken: list[Encoded] = []
        size = 0
        waiting = self._waiting[lane]
        while waiting and len(taken) < max_events:
            size += len(waiting[0].data)
            if taken and size > max_bytes:
                break
            taken.append(self._pop(lane))
        return taken

    def _pop(self, lane: Lane) -> Encoded:
        item = self._waiting[lane].popleft()
        self._bytes[lane] -= len(item.data)
        return item

    def _held(self) -> int:
        return sum(self._bytes.values()) + OVERHEAD * sum(map(len, self._waiting.values()))
