"""Records in a file: all that is whole comes back, whatever happened to the rest."""

import struct
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.model.kinds import Lane
from sensor.pipeline.batch import Sealed
from sensor.pipeline.spool.record import HEADER_BYTES, MAGIC, MOST_RECORDS, Record, packed, scan

URGENT, ORDINARY = Lane.URGENT, Lane.ORDINARY


def record(position: int, data: bytes = b"body", lane: Lane = ORDINARY, count: int = 2) -> Record:
    return Record(position, Sealed(data, lane, count, 7, 6 + count))


def file(*records: Record) -> bytes:
    return b"".join(map(packed, records))


bodies = st.binary(max_size=60) | st.binary(max_size=20).map(lambda b: b + MAGIC + b)


@given(data=st.lists(bodies, max_size=6), lane=st.sampled_from(Lane), first=st.integers(1, 2**60))
def test_what_was_written_is_read(data: list[bytes], lane: Lane, first: int) -> None:
    records = tuple(record(first + n, body, lane) for n, body in enumerate(data))
    raw = file(*records)
    found = scan(raw, lane, first)
    assert found == (records, len(raw), 0, 0)


@given(data=st.lists(bodies, min_size=1, max_size=4), cut=st.integers(1, 400))
def test_a_torn_end_costs_the_last_record_only(data: list[bytes], cut: int) -> None:
    records = [record(1 + n, body) for n, body in enumerate(data)]
    last = len(packed(records[-1]))
    raw = file(*records)[: -min(cut, last)]
    found = scan(raw, ORDINARY, 1)
    assert found.records == tuple(records[:-1])
    assert found.end == len(file(*records[:-1]))
    assert found.corrupt == 0


@given(data=st.lists(bodies, min_size=2, max_size=5), at=st.integers(0, 10**6), bit=st.integers(0, 7))
@settings(max_examples=300)
def test_a_flipped_bit_costs_one_record_at_most(data: list[bytes], at: int, bit: int) -> None:
    records = [record(1 + n, body) for n, body in enumerate(data)]
    raw = bytearray(file(*records))
    at %= len(raw)
    raw[at] ^= 1 << bit
    found = scan(bytes(raw), ORDINARY, 1)
    assert len(found.records) >= len(records) - 1
    assert set(found.records) <= set(records)
    lost = len(records) - len(found.records)
    assert lost == 0 or found.corrupt == 1 or found.end < len(raw)


def test_a_damaged_body_is_counted_with_its_events() -> None:
    raw = bytearray(file(record(1), record(2, count=7), record(3)))
    raw[len(packed(record(1))) + HEADER_BYTES] ^= 1
    found = scan(bytes(raw), ORDINARY, 1)
    assert [r.position for r in found.records] == [1, 3]
    assert (found.corrupt, found.corrupt_events, found.end) == (1, 7, len(raw))


@pytest.mark.parametrize("junk", [b"x", b"x" * 100, MAGIC * 30, bytes(200), packed(record(9))[:30]])
def test_reading_goes_on_after_junk(junk: bytes) -> None:
    raw = file(record(1)) + junk + file(record(2))
    found = scan(raw, ORDINARY, 1)
    assert [r.position for r in found.records] == [1, 2]
    assert (found.corrupt, found.end) == (1, len(raw))


def test_each_damaged_place_is_counted() -> None:
    raw = file(record(1)) + b"junk" + file(record(2)) + b"junk" + file(record(3))
    assert scan(raw, ORDINARY, 1).corrupt == 2


@pytest.mark.parametrize("position", [1, 0, 2**63, 1 + MOST_RECORDS])
def test_a_place_that_cannot_be_is_damage(position: int) -> None:
    raw = file(record(1), record(position, b"second"), record(2, b"third"))
    found = scan(raw, ORDINARY, 1)
    assert [r.sealed.data for r in found.records] == [b"body", b"third"]
    assert found.corrupt == 1


def test_records_of_another_lane_are_damage() -> None:
    found = scan(file(record(1, lane=URGENT), record(2)), ORDINARY, 1)
    assert [r.position for r in found.records] == [2]
    assert found.corrupt == 1


@pytest.mark.parametrize(("lane", "length"), [(1, 2**32 - 1), (2, 4), (255, 4)])
def test_a_length_or_lane_that_cannot_be_is_damage_though_its_sum_is_right(lane: int, length: int) -> None:
    head = struct.pack("<4sB3xIIQQQI", MAGIC, lane, length, 1, 1, 1, 1, crc32(b"body"))
    raw = head + struct.pack("<I", crc32(head)) + b"body" + file(record(1))
    found = scan(raw, ORDINARY, 1)
    assert ([r.position for r in found.records], found.corrupt) == ([1], 1)


def test_the_largest_body_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.pipeline.spool.record.MOST_BODY", 4)
    raw = file(record(1, b"four"), record(2, b"fives"), record(3, b"four"))
    assert [r.position for r in scan(raw, ORDINARY, 1).records] == [1, 3]


@given(st.binary(max_size=500))
def test_anything_can_be_read(raw: bytes) -> None:
    found = scan(raw, ORDINARY, 1)
    assert found.records == ()
