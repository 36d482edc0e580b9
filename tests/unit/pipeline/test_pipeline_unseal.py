"""From sealed batches to what shippers push: always the same bytes, one bad event costs only itself."""

import json
from typing import Any

import msgpack
import pytest
from event_strategies import events
from fakes_pipeline import HEADER, MIB, encoded, event
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.model.codec import event_from_json, event_to_json
from sensor.model.counters import Counters
from sensor.model.events import Event, Header, Process
from sensor.model.kinds import Kind, Lane
from sensor.model.protocols import Encoding
from sensor.ocsf.mapper import to_ocsf
from sensor.pipeline.batch import Sealed, seal
from sensor.pipeline.compression import compressed
from sensor.pipeline.encode import Encoded, Encoder
from sensor.pipeline.unseal import MOST_PLAIN, JsonRecords, unsealer


def json_records(*items: Encoded, counters: Counters | None = None) -> list[bytes]:
    found = list(unsealer(Encoding.JSON, counters or Counters())(seal(HEADER, items)))
    assert all(count == 1 for _, count in found)
    return [record for record, _ in found]


def test_whole_batches_are_handed_on_as_they_were_sealed() -> None:
    sealed = seal(HEADER, [encoded(1), encoded(2)])
    assert unsealer(Encoding.BATCH, Counters())(sealed) == [(sealed.data, 2)]


def test_json_records_stand_alone() -> None:
    records = json_records(encoded(1), encoded(2))
    assert len(records) == 2
    plain = json.loads(records[1])
    assert event_from_json(plain) == event()._replace(seq=2)
    assert plain["id"] == "s1/epoch1/ordinary/2"
    assert (plain["sensor"]["id"], plain["task"]) == ("s1", {"platform": "docker"})


@given(inside=st.lists(events, min_size=1, max_size=3))
@settings(deadline=None, max_examples=40)
def test_a_json_record_is_one_line_of_utf8(inside: list[Event]) -> None:
    encoder = Encoder(Counters())
    for record in json_records(*(item for e in inside if (item := encoder.encode(e)))):
        assert b"\n" not in record
        assert isinstance(json.loads(record.decode()), dict)


def test_an_event_without_a_json_form_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    counters = Counters()
    broken = Encoded(Lane.ORDINARY, 2, msgpack.packb({"kind": "process.vanish"}))
    records = json_records(encoded(1), broken, encoded(3), counters=counters)
    assert [json.loads(record)["seq"] for record in records] == [1, 3]
    assert counters.losses == {"unencodable": 1}
    assert "1 of ordinary events 1 to 3 without a JSON form, and lost: " in caplog.text


def test_whatever_goes_wrong_with_an_event_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    def form(given: Event, header: Header) -> dict[str, Any]:
        if given.seq == 2:
            raise ZeroDivisionError("a fault of ours")
        return event_to_json(given, header)

    counters = Counters()
    unseal = JsonRecords(form, counters, frozenset({Kind.PROCESS_EXEC}), MIB)
    no_kind = Encoded(Lane.ORDINARY, 4, msgpack.packb({"kind": [7]}))
    records = unseal(seal(HEADER, [encoded(1), encoded(2), encoded(3), no_kind, encoded(5)]))
    assert [json.loads(record)["seq"] for record, _ in records] == [1, 3, 5]
    assert counters.losses == {"unencodable": 2}
    assert "1 of ordinary events 1 to 5 without a JSON form, and lost: a fault of ours" in caplog.text


def test_a_list_of_what_was_cut_may_be_null() -> None:
    plain = msgpack.unpackb(encoded(1, padding=20_000).data)
    plain["evidence"]["truncated"] = None
    counters = Counters()
    unseal = unsealer(Encoding.JSON, counters, record_bytes=18_000)
    ((record, _),) = unseal(seal(HEADER, [Encoded(Lane.ORDINARY, 1, msgpack.packb(plain))]))
    assert json.loads(record)["evidence"]["truncated"] == ["evidence.source"]
    assert not counters.losses


def test_only_the_wanted_kinds_become_records() -> None:
    unseal = unsealer(Encoding.JSON, Counters(), frozenset({Kind.DETECTION}))
    assert list(unseal(seal(HEADER, [encoded(1)]))) == []
    assert len(list(unseal(seal(HEADER, [encoded(1, Lane.URGENT)])))) == 1


def bodies() -> list[bytes]:
    """What a hostile hand may have put into a spool file, under a right checksum."""
    whole = seal(HEADER, [encoded(1)]).data
    nested = b"\x91" * 100_000
    plain = [b"", b"\xc1", b"\x80", b"\x93\x01\x02\x03", nested, msgpack.packb({"schema": 1, "events": 7})]
    return [b"", b"no zstd", whole[:-3], *map(compressed, plain), compressed(bytes(MOST_PLAIN + 1))]


@pytest.mark.parametrize("body", bodies(), ids=range(len(bodies())))
def test_what_is_no_batch_is_counted_and_nothing_else_happens(body: bytes) -> None:
    counters = Counters()
    assert list(unsealer(Encoding.JSON, counters)(Sealed(body, Lane.ORDINARY, 5, 1, 5))) == []
    assert counters.losses == {"unencodable": 5}


def test_an_urgent_event_travels_in_its_lane() -> None:
    item = Encoder(Counters()).encode(event(Kind.DETECTION))
    assert item is not None
    sealed = seal(HEADER, [item])
    ((record, _),) = unsealer(Encoding.JSON, Counters())(sealed)
    assert (sealed.lane, json.loads(record)["lane"]) == (Lane.URGENT, "urgent")


def test_an_ocsf_record_is_what_the_mapper_makes() -> None:
    ((record, _),) = unsealer(Encoding.OCSF, Counters())(seal(HEADER, [encoded(3)]))
    assert json.loads(record) == to_ocsf(event()._replace(seq=3), HEADER)


@pytest.mark.parametrize("encoding", [Encoding.JSON, Encoding.OCSF])
def test_a_record_that_the_destination_could_not_take_is_cut_and_says_so(encoding: Encoding) -> None:
    args = tuple(f"{n:0200}" for n in range(500))
    item = Encoder(Counters()).encode(event()._replace(process=Process("e1", 7, args=args)))
    assert item is not None
    sealed = seal(HEADER, [item])
    ((whole, _),) = unsealer(encoding, Counters())(sealed)
    ((record, _),) = unsealer(encoding, Counters(), None, 30_000)(sealed)
    assert len(whole) > 100_000
    assert 20_000 < len(record) <= 30_000
    plain = json.loads(record)
    assert plain.get("unmapped", plain)["evidence"]["truncated"] == ["process.args"]
    assert list(unsealer(encoding, Counters(), None, 30_000)(sealed)) == [(record, 1)]
