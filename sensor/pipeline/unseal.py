"""From a sealed batch to the records that a shipper pushes; the same batch always gives the same bytes."""

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any

import msgpack

from sensor.model.codec import event_from_wire, event_to_json, header_from_wire, upgraded
from sensor.model.counters import Counters
from sensor.model.errors import MalformedEvent
from sensor.model.events import Event, Header
from sensor.model.kinds import Kind
from sensor.model.protocols import Encoding
from sensor.pipeline.batch import Sealed
from sensor.pipeline.compression import decompressed

MOST_PLAIN = 32 * 1024 * 1024
"""Bytes of a batch after decompression, at most: the spool may hold what others put there."""

Record = tuple[bytes, int]
"""What a shipper is handed, and the events in it."""

Unseal = Callable[[Sealed], list[Record]]

log = logging.getLogger(__name__)


def unsealer(encoding: Encoding, counters: Counters, wanted: frozenset[Kind] | None = None) -> Unseal:
    """What makes the records for a shipper of that encoding. Only one that takes single events can be choosy."""
    if encoding is Encoding.BATCH:
        return lambda sealed: [(sealed.data, sealed.count)]
    return JsonRecords(counters, wanted)


class JsonRecords:
    """A record for each event: one JSON object that carries the sensor and the task, UTF-8, without a newline."""

    def __init__(self, counters: Counters, wanted: frozenset[Kind] | None) -> None:
        self._counters = counters
        self._wanted = wanted

    def __call__(self, sealed: Sealed) -> list[Record]:
        """The records, of the wanted kinds. An event without a JSON form is counted as `unencodable`."""
        try:
            header, events = _opened(sealed.data)
        except (MalformedEvent, ValueError) as error:
            self._give_up(sealed, sealed.count, error)
            return []
        return [(record, 1) for event in self._events(sealed, events) if (record := _json(event, header))]

    def _events(self, sealed: Sealed, plain: list[Any]) -> Iterable[Event]:
        for one in plain:
            if self._wanted is not None and isinstance(one, dict) and one.get("kind") not in self._wanted:
                continue
            try:
                yield event_from_wire(one)
            except MalformedEvent as error:
                self._give_up(sealed, 1, error)

    def _give_up(self, sealed: Sealed, count: int, error: Exception) -> None:
        self._counters.lost("unencodable", count)
        place = f"{sealed.lane} events {sealed.first_seq} to {sealed.last_seq}"
        log.warning("%d of %s without a JSON form, and lost: %s", count, place, error)


def _json(event: Event, header: Header) -> bytes:
    return json.dumps(event_to_json(event, header), ensure_ascii=False, separators=(",", ":")).encode()


def _opened(data: bytes) -> tuple[Header, list[Any]]:
    """The header of a batch, and its events as plain values. Raises `MalformedEvent` or ValueError."""
    plain = decompressed(data, MOST_PLAIN)
    try:
        batch = upgraded(msgpack.unpackb(plain))
    except (msgpack.UnpackException, RecursionError) as error:
        raise MalformedEvent(f"batch: no msgpack: {type(error).__name__}") from error
    events = batch.get("events")
    if not isinstance(events, list):
        raise MalformedEvent("batch.events: expected a list")
    return header_from_wire(batch), events
