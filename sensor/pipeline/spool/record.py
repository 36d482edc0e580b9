"""Records of a segment file, there and back. The format stands in the package's docstring."""

import struct
from typing import NamedTuple
from zlib import crc32

from sensor.model.kinds import Lane
from sensor.pipeline.batch import Sealed

MAGIC = b"fgS1"
MOST_BODY = 16 * 1024 * 1024
"""Bytes of a body, at most: what no batch can have is no length but damage."""

MOST_RECORDS = 65_536
"""Positions that one segment spans, at most; a whole one has a few thousand."""

LANES = (Lane.URGENT, Lane.ORDINARY)
"""By their number in a record."""

_HEADER = struct.Struct("<4sB3xIIQQQI")
_SUM = struct.Struct("<I")
HEADER_BYTES = _HEADER.size + _SUM.size


class Record(NamedTuple):
    """A sealed batch and its place in the lane."""

    position: int
    sealed: Sealed


class Scan(NamedTuple):
    """What a segment file holds. `end` is where its last whole record ends; what follows is a torn end.

    `corrupt` counts the damaged places, `corrupt_events` the events that are known to have been in them.
    """

    records: tuple[Record, ...]
    end: int
    corrupt: int = 0
    corrupt_events: int = 0


class _Header(NamedTuple):
    lane: Lane
    length: int
    events: int
    position: int
    first_seq: int
    last_seq: int
    body_sum: int


def packed(record: Record) -> bytes:
    """The bytes of a record in a file."""
    position, (data, lane, count, first_seq, last_seq) = record
    head = _HEADER.pack(MAGIC, LANES.index(lane), len(data), count, position, first_seq, last_seq, crc32(data))
    return b"".join((head, _SUM.pack(crc32(head)), data))


def scan(raw: bytes, lane: Lane, first: int) -> Scan:
    """The whole records of the segment that begins at `first`, in order; all else is counted and passed over."""
    records: list[Record] = []
    at = end = corrupt = corrupt_events = 0
    while at < len(raw):
        header = _header(raw, at)
        if header is None:
            found = raw.find(MAGIC, at + 1)
            at = _next_sound(raw, found)
            if at < 0:
                break
            corrupt += 1
            continue
        begin, at = at + HEADER_BYTES, at + HEADER_BYTES + header.length
        if at > len(raw):
            break
        end = at
        body = raw[begin:at]
        after = records[-1].position + 1 if records else first
        fits = header.lane is lane and after <= header.position < first + MOST_RECORDS
        if not fits or crc32(body) != header.body_sum:
            corrupt, corrupt_events = corrupt + 1, corrupt_events + header.events
            continue
        sealed = Sealed(body, header.lane, header.events, header.first_seq, header.last_seq)
        records.append(Record(header.position, sealed))
    return Scan(tuple(records), end, corrupt, corrupt_events)


def _next_sound(raw: bytes, at: int) -> int:
    """The first place from `at` on, itself a "fgS1" or -1, where a sound header begins; -1 where there is none."""
    while at >= 0 and _header(raw, at) is None:
        at = raw.find(MAGIC, at + 1)
    return at


def _header(raw: bytes, at: int) -> _Header | None:
    """The header at that place, None where there is no sound one."""
    head = raw[at : at + HEADER_BYTES]
    if len(head) < HEADER_BYTES or not head.startswith(MAGIC):
        return None
    if crc32(head[: _HEADER.size]) != _SUM.unpack_from(head, _HEADER.size)[0]:
        return None
    _, number, *rest = _HEADER.unpack_from(head)
    header = _Header(LANES[number], *rest) if number < len(LANES) else None
    return header if header and header.length <= MOST_BODY else None
