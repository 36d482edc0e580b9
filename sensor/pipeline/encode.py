"""From an event to its bytes, once: lane, sequence number, msgpack. What follows handles bytes only."""

import logging
from typing import Any, NamedTuple

import msgpack

from sensor.model.codec import wire_encoder
from sensor.model.counters import Counters
from sensor.model.events import Event
from sensor.model.kinds import Lane, lane_of
from sensor.pipeline.trim import STEPS, trimmed

MAX_EVENT_BYTES = 256 * 1024
"""The msgpack bytes of one event, at most; a longer one has its fields cut."""

log = logging.getLogger(__name__)


class Encoded(NamedTuple):
    """One event on its way: its identity within this run of the sensor, and its msgpack map."""

    lane: Lane
    seq: int
    data: bytes


class Encoder:
    """Gives each event its lane and the next number of that lane, from 1; numbers have no gaps."""

    def __init__(self, counters: Counters, *, max_bytes: int = MAX_EVENT_BYTES) -> None:
        self._counters = counters
        self._max_bytes = max_bytes
        self._last = dict.fromkeys(Lane, 0)
        self._to_wire = wire_encoder(Event)
        # A lone surrogate would otherwise cost the event; bytes that are no UTF-8 are written the same way.
        self._pack = msgpack.Packer(unicode_errors="backslashreplace").pack
        self._told: set[tuple[str, str]] = set()

    def encode(self, event: Event) -> Encoded | None:
        """The event's bytes, counted as seen by kind; None, counted as `unencodable`, where it has no such form."""
        lane = lane_of(event.kind)
        seq = self._last[lane] + 1
        try:
            plain = self._to_wire(event)
            plain["lane"], plain["seq"] = lane, seq
            data = self._bytes(plain)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with this event, the next one is not
            self._give_up(event, error)
            return None
        self._last[lane] = seq
        self._counters.add(event.kind)
        return Encoded(lane, seq, data)

    def _bytes(self, plain: dict[str, Any]) -> bytes:
        data: bytes = self._pack(plain)
        for size, items in STEPS:
            if len(data) <= self._max_bytes:
                return data
            data = self._pack(trimmed(plain, size, items))
        if len(data) > self._max_bytes:
            raise ValueError(f"{len(data)} bytes are left after its long fields were cut, {self._max_bytes} allowed")
        return data

    def _give_up(self, event: Event, error: Exception) -> None:
        """Count the loss; tell it once for each kind of event and of error, as the same fault tends to repeat."""
        self._counters.lost("unencodable", event.count)
        fault = (event.kind, type(error).__name__)
        if fault not in self._told:
            self._told.add(fault)
            log.error("%s events cannot be encoded and are lost: %s: %s", event.kind, fault[1], error)
