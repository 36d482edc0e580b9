"""Sealed records: what the ingest reads, made of the encoder's own bytes."""

import json

import msgpack
import pytest
from event_strategies import events, headers
from fakes_pipeline import HEADER, encoded, event, plain_bytes, unsealed
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.model.codec import event_from_json
from sensor.model.counters import Counters
from sensor.model.events import Event, Header, Process
from sensor.model.kinds import Kind, Lane
from sensor.model.protocols import Encoding
from sensor.ocsf.mapper import to_ocsf
from sensor.pipeline.batch import sealer
from sensor.pipeline.encode import Encoded, Encoder


def through_encoder(given_events: list[Event]) -> list[Encoded]:
    encoder = Encoder(Counters())
    return [item for e in given_events if (item := encoder.encode(e))]


@given(inside=st.lists(events, min_size=1, max_size=4), header=headers)
@settings(deadline=None, max_examples=40)
def test_a_batch_is_what_the_codec_reads(inside: list[Event], header: Header) -> None:
    items = through_encoder(inside)
    (sealed,) = sealer(Encoding.BATCH, lambda: header, Counters())(items)
    batch = unsealed(sealed.data)
    assert batch.header == header
    assert batch.events == tuple(
        e._replace(lane=item.lane, seq=item.seq) for e, item in zip(inside, items, strict=True)
    )


def test_the_events_are_not_encoded_again() -> None:
    items = [encoded(seq, padding=seq) for seq in range(1, 4)]
    (sealed,) = sealer(Encoding.BATCH, lambda: HEADER, Counters())(items)
    assert b"".join(item.data for item in items) in plain_bytes(sealed.data)


@pytest.mark.parametrize("count", [1, 15, 16, 500, 70_000])
def test_a_batch_says_what_it_holds(count: int) -> None:
    item = encoded(7, Lane.URGENT)
    items = [item._replace(seq=seq) for seq in range(7, 7 + count)]
    (sealed,) = sealer(Encoding.BATCH, lambda: HEADER, Counters())(items)
    assert sealed[1:] == (Lane.URGENT, count, 7, 6 + count)
    assert len(unsealed(sealed.data).events) == count


def test_equal_events_make_equal_bytes() -> None:
    seal = sealer(Encoding.BATCH, lambda: HEADER, Counters())
    assert seal([encoded(1), encoded(2)]) == seal([encoded(1), encoded(2)])


def test_json_records_stand_alone() -> None:
    records = sealer(Encoding.JSON, lambda: HEADER, Counters())([encoded(1), encoded(2)])
    assert [(r.lane, r.count, r.first_seq, r.last_seq) for r in records] == [
        (Lane.ORDINARY, 1, 1, 1),
        (Lane.ORDINARY, 1, 2, 2),
    ]
    plain = json.loads(records[1].data)
    assert event_from_json(plain) == event()._replace(seq=2)
    assert plain["id"] == "s1/epoch1/ordinary/2"
    assert (plain["sensor"]["id"], plain["task"]) == ("s1", {"platform": "docker"})


@given(inside=st.lists(events, max_size=3))
@settings(deadline=None, max_examples=40)
def test_a_json_record_is_one_line_of_utf8(inside: list[Event]) -> None:
    for record in sealer(Encoding.JSON, lambda: HEADER, Counters())(through_encoder(inside)):
        assert b"\n" not in record.data
        assert isinstance(json.loads(record.data.decode()), dict)


def test_an_event_without_a_json_form_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    counters = Counters()
    broken = Encoded(Lane.ORDINARY, 2, msgpack.packb({"kind": "process.vanish"}))
    records = sealer(Encoding.JSON, lambda: HEADER, counters)([encoded(1), broken, encoded(3)])
    assert [record.first_seq for record in records] == [1, 3]
    assert counters.losses == {"unencodable": 1}
    assert "ordinary event 2 has no JSON form and is lost: " in caplog.text


def test_an_urgent_event_travels_in_its_lane() -> None:
    (item,) = through_encoder([event(Kind.DETECTION)])
    (sealed,) = sealer(Encoding.JSON, lambda: HEADER, Counters())([item])
    assert (sealed.lane, json.loads(sealed.data)["lane"]) == (Lane.URGENT, "urgent")


def test_an_ocsf_record_is_what_the_mapper_makes() -> None:
    (record,) = sealer(Encoding.OCSF, lambda: HEADER, Counters())([encoded(3)])
    assert json.loads(record.data) == to_ocsf(event()._replace(seq=3), HEADER)


@pytest.mark.parametrize("encoding", [Encoding.JSON, Encoding.OCSF])
def test_a_record_that_the_destination_could_not_take_is_cut_and_says_so(encoding: Encoding) -> None:
    args = tuple(f"{n:0200}" for n in range(500))
    (item,) = through_encoder([event()._replace(process=Process("e1", 7, args=args))])
    (whole,) = sealer(encoding, lambda: HEADER, Counters())([item])
    (record,) = sealer(encoding, lambda: HEADER, Counters(), 30_000)([item])
    assert len(whole.data) > 100_000
    assert 20_000 < len(record.data) <= 30_000
    plain = json.loads(record.data)
    assert plain.get("unmapped", plain)["evidence"]["truncated"] == ["process.args"]
    assert sealer(encoding, lambda: HEADER, Counters(), 30_000)([item]) == [record]
