"""Sealing: encoded events become the records that a shipper pushes, once; every retry sends the same bytes."""

import json
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgpack

from sensor.model.codec import event_from_wire, event_to_json, to_wire
from sensor.model.counters import Counters
from sensor.model.errors import MalformedEvent
from sensor.model.events import Event, Header
from sensor.model.kinds import Lane
from sensor.model.protocols import Encoding
from sensor.pipeline.encode import Encoded
from sensor.pipeline.trim import STEPS, trimmed

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEVEL = 3

log = logging.getLogger(__name__)


class SealWhen(NamedTuple):
    """A batch is sealed when it holds this many events or bytes (before compression), or is this many seconds old."""

    events: int = 500
    bytes: int = 256 * 1024
    age: float = 1.0


class Sealed(NamedTuple):
    """One record, never changed again: `count` events of a lane, numbered from `first_seq` to `last_seq`."""

    data: bytes
    lane: Lane
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody calls on a Sealed
    first_seq: int
    last_seq: int


Seal = Callable[[Sequence[Encoded]], list[Sealed]]
"""Makes records of events of one lane, in their order."""


Form = Callable[[Event, Header], dict[str, Any]]
"""The JSON object of one event that travels alone."""


def sealer(
    encoding: Encoding, header: Callable[[], Header], counters: Counters, record_bytes: int = sys.maxsize
) -> Seal:
    """What makes the records for a shipper of that encoding; the header is asked for at each sealing.

    `record_bytes` is the most that a record of one event should have.
    """
    if encoding is Encoding.BATCH:
        return BatchSealer(header)
    return JsonSealer(_form(encoding), header, counters, record_bytes)


def _form(encoding: Encoding) -> Form:
    if encoding is Encoding.JSON:
        return event_to_json
    from sensor.ocsf.mapper import to_ocsf  # only where a destination wants the standard

    return to_ocsf


class BatchSealer:
    """One record for all events: the batch's msgpack map (`codec.batch_from_wire`) in one zstd frame."""

    def __init__(self, header: Callable[[], Header]) -> None:
        self._header = header

    def __call__(self, events: Sequence[Encoded]) -> list[Sealed]:
        """The bytes of the events are joined as they are, behind the header's."""
        plain = b"".join((_head(self._header(), len(events)), *(event.data for event in events)))
        data = zstd.compress(plain, LEVEL)
        return [Sealed(data, events[0].lane, len(events), events[0].seq, events[-1].seq)]


class JsonSealer:
    """A record for each event: one JSON object that carries the sensor and the task, UTF-8, without a newline.

    One that is larger than the destination takes has its long fields cut, as `evidence.truncated` says.
    """

    def __init__(self, form: Form, header: Callable[[], Header], counters: Counters, record_bytes: int) -> None:
        self._form = form
        self._header = header
        self._counters = counters
        self._record_bytes = record_bytes

    def __call__(self, events: Sequence[Encoded]) -> list[Sealed]:
        """An event without a JSON form is counted as `unencodable`."""
        return [sealed for event in events if (sealed := self._one(event)) is not None]

    def _one(self, event: Encoded) -> Sealed | None:
        try:
            data = self._fitting(msgpack.unpackb(event.data), self._header())
        except MalformedEvent as error:
            self._counters.lost("unencodable")
            log.warning("%s event %d has no JSON form and is lost: %s", event.lane, event.seq, error)
            return None
        return Sealed(data, event.lane, 1, event.seq, event.seq)

    def _fitting(self, plain: dict[str, Any], header: Header) -> bytes:
        """As it is, or with as little cut as it takes; what is still too large then is for the outbox to count."""
        data = self._data(plain, header)
        for characters, items in STEPS:
            if len(data) <= self._record_bytes:
                break
            data = self._data(trimmed(plain, characters, items), header)
        return data

    def _data(self, plain: dict[str, Any], header: Header) -> bytes:
        form = self._form(event_from_wire(plain), header)
        return json.dumps(form, ensure_ascii=False, separators=(",", ":")).encode()


def _head(header: Header, count: int) -> bytes:
    """A batch's bytes up to its first event: the map with one more entry, `events`, and the length of that list."""
    fields = to_wire(header)
    packer = msgpack.Packer()
    parts = [packer.pack(part) for field in fields.items() for part in field]
    map_header, array_header = packer.pack_map_header(len(fields) + 1), packer.pack_array_header(count)
    return b"".join((map_header, *parts, packer.pack("events"), array_header))
