"""Every type survives both forms, and what is refused names its place."""

import json
from typing import Any

import msgpack
import pytest
from event_strategies import PARTS, event_with, events, headers
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.model import codec
from sensor.model.errors import MalformedEvent, UnknownSchema
from sensor.model.events import (
    SCHEMA,
    Detection,
    Event,
    Evidence,
    Header,
    Health,
    Loss,
    Process,
    Sensor,
    Task,
    Timestamp,
)
from sensor.model.kinds import Kind, Lane

NOW = Timestamp(1_700_000_000_000_000_001)
EVENT = Event(Kind.PROCESS_EXEC, NOW, Evidence("process_cursor"), seq=1, process=Process("e1", 7, args=("a", "b")))
HEADER = Header(Sensor("s1", "epoch1", "1.0"), Task("docker"))


def through_msgpack(plain: Any) -> Any:
    return msgpack.unpackb(msgpack.packb(plain))


def through_json(plain: Any) -> Any:
    return json.loads(json.dumps(plain, ensure_ascii=False, allow_nan=False).encode())


@pytest.mark.parametrize("part", PARTS)
@given(data=st.data())
@settings(deadline=None, max_examples=30)
def test_events_of_all_kinds_and_parts_survive_msgpack(part: str, data: st.DataObject) -> None:
    event = data.draw(event_with(part))
    assert codec.event_from_wire(through_msgpack(codec.to_wire(event))) == event


@pytest.mark.parametrize("part", PARTS)
@given(data=st.data())
@settings(deadline=None, max_examples=30)
def test_events_of_all_kinds_and_parts_survive_json(part: str, data: st.DataObject) -> None:
    event = data.draw(event_with(part))
    plain = through_json(codec.event_to_json(event, HEADER))
    assert codec.event_from_json(plain) == event
    assert plain["id"] == f"s1/epoch1/{event.lane}/{event.seq}"


@given(header=headers)
@settings(deadline=None, max_examples=50)
def test_headers_survive_both_forms(header: Header) -> None:
    assert codec.header_from_wire(through_msgpack(codec.to_wire(header))) == header
    assert codec.header_from_json(through_json(codec.part_to_json(header))) == header


@given(header=headers, inside=st.lists(events, max_size=3))
@settings(deadline=None, max_examples=20)
def test_batches_survive_msgpack(header: Header, inside: list[Event]) -> None:
    plain = codec.to_wire(header) | {"events": [codec.to_wire(event) for event in inside]}
    assert codec.batch_from_wire(through_msgpack(plain)) == (header, tuple(inside))


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_survives_with_nothing_but_what_it_needs(kind: Kind) -> None:
    event = Event(kind, NOW, Evidence("test"))
    plain = codec.to_wire(event)
    assert plain.keys() == {"kind", "time", "evidence", *codec.ALWAYS}
    assert codec.event_from_wire(through_msgpack(plain)) == event


def test_the_public_names_of_a_json_event() -> None:
    plain = codec.event_to_json(EVENT, HEADER)
    assert plain == {
        "id": "s1/epoch1/ordinary/1",
        "task_id": "s1",
        "schema": SCHEMA,
        "kind": "process.exec",
        "time": "2023-11-14T22:13:20.000000001Z",
        "lane": "ordinary",
        "seq": 1,
        "count": 1,
        "evidence": {"source": "process_cursor"},
        "process": {"entity": "e1", "pid": 7, "args": ["a", "b"]},
        "sensor": {"id": "s1", "epoch": "epoch1", "version": "1.0"},
        "task": {"platform": "docker"},
    }


def test_an_empty_list_is_not_an_unknown_one() -> None:
    known = codec.event_from_wire(codec.to_wire(EVENT._replace(process=Process("e1", 7, args=()))))
    unknown = codec.event_from_wire(codec.to_wire(EVENT._replace(process=Process("e1", 7))))
    assert known.process is not None
    assert unknown.process is not None
    assert (known.process.args, unknown.process.args) == ((), None)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"kind": "process.vanish"}, "event.kind: 'process.vanish' is no kind"),
        ({"kind": 7}, "event.kind: 7 is no kind"),
        ({"kind": None}, "event.kind: missing"),
        ({"lane": "fast"}, "event.lane: 'fast' is no lane"),
        ({"time": "today"}, "event.time: expected int, got str"),
        ({"time": -1}, "event.time: -1 ns is outside the years 1970 to 9999"),
        ({"seq": True}, "event.seq: expected int, got bool"),
        ({"seq": 2**64}, "event.seq: 18446744073709551616 does not fit 64 bits"),
        ({"evidence": {}}, "event.evidence.source: missing"),
        ({"evidence": []}, "event.evidence: expected a map, got list"),
        ({"process": {"entity": "e", "pid": 1, "args": "ls"}}, "event.process.args: expected a list, got str"),
        ({"process": {"entity": "e", "pid": 1, "args": ["ls", 2]}}, "event.process.args[1]: expected str, got int"),
        ({"process": {"entity": "e", "pid": 1, "drift": 1}}, "event.process.drift: expected bool, got int"),
        (
            {"process": {"entity": "e", "pid": 1, "ancestors": [{"entity": "f"}]}},
            "event.process.ancestors[0].pid: missing",
        ),
        (
            {"health": {"uptime_s": float("nan"), "interval_s": 1}},
            "event.health.uptime_s: expected a finite number, got float",
        ),
        (
            {"health": {"uptime_s": 10**400, "interval_s": 1}},
            "event.health.uptime_s: 1000",
        ),
        (
            {"health": {"uptime_s": 1, "interval_s": 1, "losses": {"x": "y"}}},
            "event.health.losses.x: expected int, got str",
        ),
        (
            {"health": {"uptime_s": 1, "interval_s": 1, "losses": {3: 1}}},
            "event.health.losses (a key): expected str, got int",
        ),
    ],
)
def test_what_is_refused_names_its_place(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(MalformedEvent) as refused:
        codec.event_from_wire(codec.to_wire(EVENT) | change)
    assert str(refused.value).startswith(complaint)


@pytest.mark.parametrize(
    ("plain", "complaint"),
    [
        (b"bytes", "batch: expected a map, got bytes"),
        (None, "batch: expected a map, got nothing"),
        ({"schema": SCHEMA}, "batch.events: expected a list, got nothing"),
        ({"schema": SCHEMA, "events": []}, "batch.sensor: missing"),
        (codec.to_wire(HEADER) | {"events": [codec.to_wire(EVENT), 3]}, "batch.events[1]: expected a map, got int"),
    ],
)
def test_a_batch_is_refused_whole(plain: object, complaint: str) -> None:
    with pytest.raises(MalformedEvent) as refused:
        codec.batch_from_wire(plain)
    assert str(refused.value) == complaint


@pytest.mark.parametrize("name", Event._fields)
@given(junk=st.recursive(st.none() | st.integers() | st.floats() | st.text(), st.lists))
@settings(deadline=None, max_examples=30)
def test_junk_in_any_field_is_that_field_or_malformed(name: str, junk: object) -> None:
    plain = codec.to_wire(EVENT) | {name: junk}
    complaint = ""
    try:
        event = codec.event_from_wire(plain)
    except MalformedEvent as refused:
        complaint = str(refused)
    if complaint:
        assert complaint.startswith(f"event.{name}")
    else:
        assert codec.event_from_wire(codec.to_wire(event)) == event


@pytest.mark.parametrize(
    "event",
    [
        EVENT._replace(time=Timestamp(-1)),
        EVENT._replace(time=Timestamp(2**64)),
        EVENT._replace(health=Health(float("inf"), 1.0)),
    ],
)
def test_what_no_reader_takes_is_refused_by_the_writer(event: Event) -> None:
    with pytest.raises(MalformedEvent):
        codec.to_wire(event)


def test_unknown_fields_are_passed_over() -> None:
    plain = codec.to_wire(EVENT) | {"mood": "good"}
    plain["process"] |= {"colour": ["red"]}
    assert codec.event_from_wire(plain) == EVENT
    batch = codec.to_wire(HEADER) | {"events": [plain], "weather": {"wind": 3}}
    assert codec.batch_from_wire(batch) == (HEADER, (EVENT,))


@pytest.mark.parametrize("number", [SCHEMA + 1, SCHEMA - 3, 0, -1, None, "1", 1.5])
def test_schemas_that_are_not_understood_are_refused(number: object) -> None:
    plain = codec.to_wire(HEADER) | {"schema": number, "events": []}
    with pytest.raises(UnknownSchema, match=r"batch\.schema: .* is not among those understood here"):
        codec.batch_from_wire(plain)


def test_two_older_schemas_are_understood_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The policy, as it will be at schema 4: 2 and 3 are upgraded step by step, 1 is too old."""
    monkeypatch.setattr(codec, "SCHEMA", 4)
    monkeypatch.setattr(codec, "UNDERSTOOD", (4, 3, 2))
    monkeypatch.setattr(
        codec,
        "UPGRADES",
        {
            2: lambda plain: plain | {"schema": 3, "sensor": plain["agent"]},
            3: lambda plain: plain | {"schema": 4, "events": plain["records"]},
        },
    )
    sensor = {"id": "s", "epoch": "e", "version": "1"}
    for plain in ({"schema": 2, "agent": sensor, "records": []}, {"schema": 3, "sensor": sensor, "records": []}):
        assert codec.batch_from_wire(plain) == (Header(Sensor("s", "e", "1"), schema=4), ())
    for number in (1, 5):
        with pytest.raises(UnknownSchema):
            codec.batch_from_wire({"schema": number, "sensor": sensor, "events": []})


def test_every_older_schema_that_is_understood_has_its_upgrade() -> None:
    assert set(codec.UPGRADES) == {number for number in codec.UNDERSTOOD if number < SCHEMA}
    assert len(codec.UNDERSTOOD) <= 3


def test_parts_have_both_forms_of_their_own() -> None:
    loss = Loss("queue_full", "exact", 3)
    assert codec.to_wire(loss) == codec.part_to_json(loss) == {"reason": "queue_full", "bound": "exact", "count": 3}
    detection = Detection("r1", "Shell in a container", "high", tags=("attack.execution",))
    assert codec.part_to_json(detection)["tags"] == ["attack.execution"]
    assert codec.event_from_json(codec.event_to_json(EVENT, HEADER)).lane is Lane.ORDINARY
