"""What one destination has not taken yet: events in lanes, then sealed records in front of them."""

from collections.abc import Collection, Sequence

from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.kinds import Lane
from sensor.model.protocols import Limits
from sensor.pipeline.batch import Seal, Sealed, SealWhen
from sensor.pipeline.encode import Encoded
from sensor.pipeline.lanes import Lanes


class Outbox:
    """Keeps each lane in order and seals when it is time; sealed records stay until they are settled."""

    def __init__(
        self, *, lanes: Lanes, seal: Seal, when: SealWhen, limits: Limits, counters: Counters, clock: Clock
    ) -> None:
        self._lanes = lanes
        self._seal = seal
        when = when if limits.roll is None else SealWhen(*limits.roll)
        self._when = when._replace(bytes=min(when.bytes, limits.record_bytes))
        self._limits = limits
        self._counters = counters
        self._clock = clock
        self._sealed: dict[Lane, list[Sealed]] = {lane: [] for lane in Lane}
        self._since = dict.fromkeys(Lane, 0.0)

    def put(self, item: Encoded) -> None:
        """Take an event into its lane."""
        if self._lanes.count(item.lane) == 0:
            self._since[item.lane] = self._clock.monotonic()
        self._lanes.put(item)

    def due_in(self, lane: Lane) -> float | None:
        """Seconds until the lane has records to push: 0 for now, None where nothing waits."""
        if self._sealed[lane]:
            return 0
        count = self._lanes.count(lane)
        if count == 0:
            return None
        full = count >= self._when.events or self._lanes.bytes(lane) >= self._when.bytes
        if full or lane is Lane.URGENT:
            return 0
        return max(0.0, self._since[lane] + self._when.age - self._clock.monotonic())

    def unsent(self) -> Lane | None:
        """The first lane that holds anything, due or not; urgent before ordinary."""
        return next((lane for lane in Lane if self.due_in(lane) is not None), None)

    def records(self, lane: Lane) -> list[Sealed]:
        """The oldest records of the lane, as many as one request may carry; sealed now if none were."""
        while not self._sealed[lane] and self._lanes.count(lane):
            events = self._lanes.take(lane, self._when.events, self._when.bytes)
            self._since[lane] = self._clock.monotonic()
            self._sealed[lane] = self._sendable(self._seal(events))
        return self._one_request(self._sealed[lane])

    def settle(self, lane: Lane, records: Sequence[Sealed], again: Collection[int] = ()) -> list[Sealed]:
        """Let go of what `records` gave last, except of the indices in `again`, which stay first in order.

        Returns what was let go; nothing where `clear` came in between and has answered for all of it.
        """
        sealed = self._sealed[lane]
        if not sealed:
            return []
        sealed[: len(records)] = [record for index, record in enumerate(records) if index in again]
        return [record for index, record in enumerate(records) if index not in again]

    def clear(self) -> int:
        """Forget everything; how many events that were."""
        left = 0
        for lane in Lane:
            left += sum(record.count for record in self._sealed[lane]) + self._lanes.count(lane)
            self._sealed[lane].clear()
            self._lanes.take(lane, self._lanes.count(lane), self._lanes.bytes(lane))
        return left

    def _sendable(self, records: Sequence[Sealed]) -> list[Sealed]:
        """Those that the destination can carry at all."""
        fitting = [record for record in records if len(record.data) <= self._limits.record_bytes]
        lost = sum(record.count for record in records) - sum(record.count for record in fitting)
        if lost:
            self._counters.lost("record_too_large", lost)
        return fitting

    def _one_request(self, sealed: Sequence[Sealed]) -> list[Sealed]:
        request: list[Sealed] = []
        size = 0
        for record in sealed[: self._limits.records]:
            size += len(record.data)
            if request and size > self._limits.request_bytes:
                break
            request.append(record)
        return request
