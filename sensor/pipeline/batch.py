"""Sealing: encoded events become a batch, once; every destination and every retry gets what was sealed."""

from collections.abc import Sequence
from typing import NamedTuple

import msgpack

from sensor.model.codec import to_wire
from sensor.model.events import Header
from sensor.model.kinds import Lane
from sensor.pipeline.compression import compressed
from sensor.pipeline.encode import Encoded


class SealWhen(NamedTuple):
    """A batch is sealed when it holds this many events or bytes (before compression), or is this many seconds old."""

    events: int = 500
    bytes: int = 256 * 1024
    age: float = 1.0


class Sealed(NamedTuple):
    """A batch, never changed again: `count` events of a lane, numbered from `first_seq` to `last_seq`.

    `data` is the batch's msgpack map (`codec.batch_from_wire`) in one zstd frame.
    """

    data: bytes
    lane: Lane
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody calls on a Sealed
    first_seq: int
    last_seq: int


def seal(header: Header, events: Sequence[Encoded]) -> Sealed:
    """The bytes of the events, at least one and all of one lane, are joined as they are, behind the header's."""
    plain = b"".join((_head(header, len(events)), *(event.data for event in events)))
    return Sealed(compressed(plain), events[0].lane, len(events), events[0].seq, events[-1].seq)


def _head(header: Header, count: int) -> bytes:
    """A batch's bytes up to its first event: the map with one more entry, `events`, and the length of that list."""
    fields = to_wire(header)
    packer = msgpack.Packer()
    parts = [packer.pack(part) for field in fields.items() for part in field]
    map_header, array_header = packer.pack_map_header(len(fields) + 1), packer.pack_array_header(count)
    return b"".join((map_header, *parts, packer.pack("events"), array_header))
