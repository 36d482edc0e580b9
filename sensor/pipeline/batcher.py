"""Encoded events of each lane until their batch is sealed: by number, bytes or age, the urgent lane at once."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sensor.model.clock import Clock, Later, Timer
from sensor.model.events import Header
from sensor.model.kinds import Lane
from sensor.pipeline.batch import Sealed, SealWhen, seal
from sensor.pipeline.encode import Encoded

AFTER_A_PAUSE = 0.5
"""The share of its age that a batch waits where none was sealed for as long."""


@dataclass(slots=True)
class _Open:
    """The batch of a lane that is being filled."""

    events: list[Encoded] = field(default_factory=list)
    bytes: int = 0
    timer: Timer | None = None
    sealed_at: float = 0.0


class Batcher:
    """`put` events in; `out` gets the batches. The header is asked for at each sealing.

    Urgent events that come in the same turn of the loop share a batch. After a pause an ordinary batch does not wait
    for its whole age: an event by itself would gain nothing by it.
    """

    def __init__(
        self,
        *,
        header: Callable[[], Header],
        out: Callable[[Sealed], None],
        clock: Clock,
        later: Later,
        when: SealWhen,
    ) -> None:
        self._header = header
        self._out = out
        self._clock = clock
        self._later = later
        self._when = when
        self._open = {lane: _Open() for lane in Lane}

    def put(self, item: Encoded) -> None:
        """Take an event."""
        batch = self._open[item.lane]
        if batch.events and batch.bytes + len(item.data) > self._when.bytes:
            self._seal(item.lane)
        batch.events.append(item)
        batch.bytes += len(item.data)
        if len(batch.events) >= self._when.events or batch.bytes >= self._when.bytes:
            self._seal(item.lane)
        elif batch.timer is None:
            batch.timer = self._later(self._age(item.lane), lambda: self._ring(item.lane))

    def flush(self) -> None:
        """Seal what there is."""
        for lane in Lane:
            self._seal(lane)

    def _age(self, lane: Lane) -> float:
        """Seconds that the batch which has just been begun may wait."""
        if lane is Lane.URGENT:
            return 0.0
        idle = self._clock.monotonic() - self._open[lane].sealed_at >= self._when.age
        return self._when.age * (AFTER_A_PAUSE if idle else 1)

    def _ring(self, lane: Lane) -> None:
        self._open[lane].timer = None
        self._seal(lane)

    def _seal(self, lane: Lane) -> None:
        batch = self._open[lane]
        if batch.timer is not None:
            batch.timer.cancel()
            batch.timer = None
        if batch.events:
            events, batch.events, batch.bytes = batch.events, [], 0
            batch.sealed_at = self._clock.monotonic()
            self._out(seal(self._header(), events))
