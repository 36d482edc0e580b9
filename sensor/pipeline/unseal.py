"""From a sealed batch to the records that a shipper pushes; the same batch always gives the same bytes."""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
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
from sensor.pipeline.trim import STEPS, trimmed_alone

MOST_PLAIN = 32 * 1024 * 1024
"""Bytes of a batch after decompression, at most: the spool may hold what others put there."""

Record = tuple[bytes, int]
"""What a shipper is handed, and the events in it."""

Unseal = Callable[[Sealed], Iterable[Record]]
"""Makes each record when it is asked for: hundreds in a row would hold the loop up."""

log = logging.getLogger(__name__)


Form = Callable[[Event, Header], dict[str, Any]]
"""The JSON object of one event that travels alone."""


def unsealer(
    encoding: Encoding,
    counters: Counters,
    wanted: frozenset[Kind] | None = None,
    record_bytes: int = sys.maxsize,
) -> Unseal:
    """What makes the records for a shipper of that encoding. Only one that takes single events can be choosy.

    `record_bytes` is the most that a record of one event should have.
    """
    if encoding is Encoding.BATCH:
        return lambda sealed: [(sealed.data, sealed.count)]
    return JsonRecords(_form(encoding), counters, wanted, record_bytes)


def _form(encoding: Encoding) -> Form:
    if encoding is Encoding.JSON:
        return event_to_json
    from sensor.ocsf.mapper import to_ocsf  # only where a destination wants the standard

    return to_ocsf


class JsonRecords:
    """A record for each event: one JSON object that carries the sensor and the task, UTF-8, without a newline.

    One that is larger than the destination takes has its long fields cut, as `evidence.truncated` says.
    """

    def __init__(self, form: Form, counters: Counters, wanted: frozenset[Kind] | None, record_bytes: int) -> None:
        self._form = form
        self._counters = counters
        self._wanted = wanted
        self._record_bytes = record_bytes

    def __call__(self, sealed: Sealed) -> Iterator[Record]:
        """The records, of the wanted kinds. An event without a JSON form is counted as `unencodable`."""
        try:
            header, events = _opened(sealed.data)
        except Exception as error:  # noqa: BLE001  # whatever others put into the spool, what follows is delivered
            self._give_up(sealed, sealed.count, error)
            return
        for one in events:
            try:
                if self._wants(one):
                    yield self._fitting(one, header), 1
            except Exception as error:  # noqa: BLE001  # as above
                self._give_up(sealed, 1, error)

    def _wants(self, plain: Any) -> bool:
        return self._wanted is None or not isinstance(plain, dict) or plain.get("kind") in self._wanted

    def _fitting(self, plain: Any, header: Header) -> bytes:
        """As it is, or with as little cut as it takes; what is still too large then is for the outbox to count."""
        data = self._data(plain, header)
        for size, items in STEPS:
            if len(data) <= self._record_bytes:
                break
            data = self._data(*trimmed_alone(plain, header, size, items))
        return data

    def _data(self, plain: Any, header: Header) -> bytes:
        form = self._form(event_from_wire(plain), header)
        return json.dumps(form, ensure_ascii=False, separators=(",", ":")).encode()

    def _give_up(self, sealed: Sealed, count: int, error: Exception) -> None:
        self._counters.lost("unencodable", count)
        place = f"{sealed.lane} events {sealed.first_seq} to {sealed.last_seq}"
        log.warning("%d of %s without a JSON form, and lost: %s", count, place, error)


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
