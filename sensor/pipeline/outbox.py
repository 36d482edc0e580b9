"""What one destination is being sent of one lane: records of the batches at its cursor, until they are settled."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from sensor.model.counters import Counters
from sensor.model.kinds import Lane
from sensor.model.protocols import Limits, Roll
from sensor.pipeline.spool.spool import Left, Spool
from sensor.pipeline.unseal import Unseal

OBJECT_BYTES = 1024 * 1024
"""So many bytes of sealed batches are enough for an object, too."""
ROOM_SHARE = 4
"""And so is this part of the spool, where that is less: what waits for company must not take the others' room."""
TURN = 32
"""Records made in a row before others get their turn: one takes 0.1 to 0.2 ms, and an object has thousands."""


class Sending(NamedTuple):
    """One record, with the events in it and the position of the batch that it comes from."""

    data: bytes
    events: int
    position: int


class Outbox:
    """Reads batches from the spool as requests need them, and acknowledges each when all of its records are settled."""

    def __init__(
        self, name: str, lane: Lane, *, spool: Spool, unseal: Unseal, limits: Limits, counters: Counters
    ) -> None:
        self._name = name
        self._lane = lane
        self._spool = spool
        self._unseal = unseal
        self._limits = limits
        self._counters = counters
        self._sending: list[Sending] = []
        self._unsealing: Iterator[Sending] | None = None
        self._request: list[Sending] = []
        self._since: float | None = None
        self._read_to = 0

    def waiting(self) -> bool:
        """Whether there may be anything to send."""
        return bool(self._sending) or self._unsealing is not None or self._spool.unread(self._name, self._lane)

    def due_in(self, now: float) -> float | None:
        """Seconds until the next request: 0 for now, None where nothing waits. `now` is monotonic time.

        A destination that keeps what it is sent as objects is sent the ordinary lane's when there is enough for one.
        """
        if not self.waiting():
            self._since = None
            return None
        roll = self._limits.roll
        if roll is None or self._lane is Lane.URGENT or self._request:
            return 0
        self._since = now if self._since is None else self._since
        return 0 if self._is_enough(roll) else max(0.0, self._since + roll.age - now)

    async def request(self) -> list[Sending]:
        """The oldest records, as many as one request may carry; none where nothing is left that could be sent.

        Where requests become objects, one that has failed is made again as it was, so that it overwrites itself.
        """
        if self._request and self._limits.roll is not None:
            return self._request
        self._since = None
        size = sum(len(sending.data) for sending in self._sending)
        while len(self._sending) < self._limits.records and size < self._limits.request_bytes:
            if self._unsealing is None and not await self._next_batch():
                break
            size += self._unseal_some()
            await asyncio.sleep(0)
        self._request = self._one_request()
        return self._request

    def settle(self, records: Sequence[Sending], again: Collection[int] = ()) -> list[Sending]:
        """Let go of what `request` gave last, except of the indices in `again`, which stay first in order.

        Returns what was let go; nothing where `give_up` came in between and has answered for all of it.
        """
        if not self._sending:
            return []
        self._request = []
        self._sending[: len(records)] = [record for index, record in enumerate(records) if index in again]
        self._acknowledge()
        return [record for index, record in enumerate(records) if index not in again]

    def give_up(self) -> Left:
        """The time is up: send nothing more. How many events that leaves, gone or on disk."""
        while self._unsealing is not None:
            self._unseal_some()
        lost, kept = self._spool.give_up(self._name, self._lane)
        for record in self._sending:
            if self._spool.is_saved(self._lane, record.position):
                kept += record.events
            else:
                lost += record.events
        self._sending.clear()
        self._request = []
        return Left(lost, kept)

    def _is_enough(self, roll: Roll) -> bool:
        """Bytes are asked for first: events are counted batch by batch, and after an outage there are many."""
        if self._spool.unread_bytes(self._name, self._lane) >= min(OBJECT_BYTES, self._spool.room // ROOM_SHARE):
            return True
        return len(self._sending) + self._spool.unread_events(self._name, self._lane) >= roll.events

    async def _next_batch(self) -> bool:
        """Begin to unseal the next batch of the spool; False where there is none."""
        record = await self._spool.read(self._name, self._lane)
        if record is None:
            return False
        self._unsealing = self._fitting(record.position, self._unseal(record.sealed))
        self._read_to = record.position
        return True

    def _unseal_some(self) -> int:
        """The next records of the batch that was begun, until it is through; their bytes."""
        some = list(islice(self._unsealing or (), TURN))
        self._sending += some
        if len(some) < TURN:
            self._unsealing = None
            self._read_to += 1
            if not self._sending:
                self._acknowledge()
        return sum(len(sending.data) for sending in some)

    def _acknowledge(self) -> None:
        self._spool.acknowledge(self._name, self._lane, self._sending[0].position if self._sending else self._read_to)

    def _fitting(self, position: int, records: Iterable[tuple[bytes, int]]) -> Iterator[Sending]:
        """Those that the destination can carry at all."""
        for data, events in records:
            if len(data) <= self._limits.record_bytes:
                yield Sending(data, events, position)
            else:
                self._counters.lost("record_too_large", events)

    def _one_request(self) -> list[Sending]:
        request: list[Sending] = []
        size = 0
        for record in self._sending[: self._limits.records]:
            size += len(record.data)
            if request and size > self._limits.request_bytes:
                break
            request.append(record)
        return request
