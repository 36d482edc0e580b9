"""Encoded events of each lane until their batch is sealed: by number, bytes or age, the urgent lane at once."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sensor.model.clock import Later, Timer
from sensor.model.events import Header
from sensor.model.kinds import Lane
from sensor.pipeline.batch import Sealed, SealWhen, seal
from sensor.pipeline.encode import Encoded


@dataclass(slots=True)
class _Open:
    """The batch of a lane that is being filled."""

    events: list[Encoded] = field(default_factory=list)
    bytes: int = 0
    timer: Timer | None = None


class Batcher:
    """`put` events in; `out` gets the batches. The header is asked for at each sealing.

    Urgent events that come in the same turn of the loop share a batch.
    """

    def __init__(
        self,
        *,
        header: Callable[[], Header],
        out: Callable[[Sealed], None],
        later: Later,
        when: SealWhen,
    ) -> None:
        self._header = header
        self._out = out
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
            age = 0.0 if item.lane is Lane.URGENT else self._when.age
            batch.timer = self._later(age, lambda: self._ring(item.lane))

    def flush(self) -> None:
        """Seal what there is."""
        for lane in Lane:
            self._seal(lane)

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
            self._out(seal(self._header(), events))
