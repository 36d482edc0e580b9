"""No event is too long for a destination: texts count as JSON writes them, and maps and labels are cut like lists."""

import json
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Union

import pytest
from annotated_types import Ge
from fakes_pipeline import HEADER, event
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.config.settings import Settings
from sensor.model import events
from sensor.model.codec import to_wire
from sensor.model.counters import Counters
from sensor.model.events import Detection, Event, Header, Health, Link, Pod, Process, Sensor, Task, Timestamp
from sensor.model.identity import event_id
from sensor.model.kinds import Kind, Lane
from sensor.model.protocols import Encoding
from sensor.pipeline.batch import seal
from sensor.pipeline.encode import Encoder
from sensor.pipeline.trim import MAPS, STEPS, trimmed
from sensor.pipeline.unseal import unsealer

LINE_BYTES = 16_383
"""Of a line on stdout without its end, unless it is set otherwise."""
LEAST_LINE_BYTES = 12_287

CHARACTERS = pytest.mark.parametrize("character", ["x", "\x01", "'", '"', "\\", "漢", "😀"], ids=ascii)
ENCODINGS = pytest.mark.parametrize("encoding", [Encoding.JSON, Encoding.OCSF])

SENSOR = Sensor("s" * 72, "e" * 19, "10.10.10", "c" * 16)
TASK = Task(
    platform="fargate",
    account="123456789012",
    region="ap-southeast-2",
    cluster=f"arn:aws:ecs:ap-southeast-2:123456789012:cluster/{'c' * 255}",
    arn=f"arn:aws:ecs:ap-southeast-2:123456789012:task/{'c' * 255}/{'a' * 32}",
    family="f" * 255,
    revision="123456",
    az="ap-southeast-2a",
)
LABELS = {f"label-{n}.example.com/{'k' * 63}": "v" * 63 for n in range(25)}
POD = Pod("n" * 63, "p" * 253, "u" * 36, "o" * 253, "s" * 253, LABELS)
AROUND = {
    Kind.DETECTION: [("detection", part) for part in ("file", "network", "dns")],
    Kind.POSTURE: [("posture",)],
    Kind.PROCESS_EXEC: [()],
    Kind.FILE_RENAME: [("file",)],
    Kind.NETWORK_FLOW: [("network",)],
    Kind.DNS_QUERY: [("dns",)],
}
LONGEST = [(kind, ("process", "container", "links", *parts)) for kind, found in AROUND.items() for parts in found]
LONGEST += [(Kind.SENSOR_HEARTBEAT, ("health",)), (Kind.SENSOR_LOSS, ("loss",)), (Kind.CONTAINER_STOP, ("container",))]


def longest(kind: Any, text: str) -> Any:
    """A value of a type as annotated, longer in each of its parts than any that the sensor makes."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return longest(inner[0], text)
    if origin is tuple:
        return (longest(inner[0], text),) * 40
    if origin is Mapping:
        return {f"{n:040}": longest(inner[1], text) for n in range(60)}
    if isinstance(kind, type) and hasattr(kind, "_fields"):
        return kind(**{name: longest(hint, text) for name, hint in typing.get_type_hints(kind).items()})
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return max(kind, key=len)
    return {str: text, bool: False, int: 2**63, float: -1234567.123456, Timestamp: 2**62}[kind]


def written_bytes(text: str) -> int:
    """Bytes of a text in JSON, without its quotes."""
    return len(json.dumps(text, ensure_ascii=False).encode(errors="backslashreplace")) - 2


def record(of: Event, header: Header, encoding: Encoding, most: int) -> tuple[bytes, Counters]:
    """Of one event as a destination is handed it that takes `most` bytes."""
    counters = Counters()
    item = Encoder(counters).encode(of)
    assert item is not None
    ((data, _),) = unsealer(encoding, counters, None, most)(seal(header, [item]))
    return data, counters


@CHARACTERS
@ENCODINGS
def test_padding_arguments_keep_no_detection_from_a_line(encoding: Encoding, character: str) -> None:
    process = Process("e1", 7, exe="/bin/sh", args=("sh", "-c", "x", *[character * 256] * 80))
    found = event(Kind.DETECTION)._replace(process=process, detection=Detection("r1", "Shell", "high"))
    data, counters = record(found, HEADER, encoding, LINE_BYTES)
    assert len(data) <= LINE_BYTES
    assert not counters.losses
    plain = json.loads(data)
    assert plain.get("unmapped", plain)["evidence"]["truncated"] == ["process.args"]
    ocsf = encoding is Encoding.OCSF
    args = plain["evidences"][0]["process"]["cmd_line"].split() if ocsf else plain["process"]["args"]
    assert args[:3] == ["sh", "-c", "x"]
    assert len(args) > 3


@pytest.mark.parametrize("header", [Header(SENSOR, TASK), Header(SENSOR, pod=POD)], ids=["task", "pod"])
@pytest.mark.parametrize(("kind", "parts"), LONGEST, ids=lambda value: value if isinstance(value, str) else value[-1:])
@CHARACTERS
@ENCODINGS
def test_no_event_is_too_long_for_the_shortest_line(
    encoding: Encoding, character: str, kind: Kind, parts: tuple[str, ...], header: Header
) -> None:
    hints = typing.get_type_hints(Event)
    filled = {name: longest(hints[name], character * 300) for name in (*parts, "evidence", "time", "count")}
    data, _ = record(Event(kind, **filled), header, encoding, LEAST_LINE_BYTES)
    assert len(data) <= LEAST_LINE_BYTES


def test_the_shortest_line_is_what_every_event_fits_into() -> None:
    least = typing.get_type_hints(Settings, include_extras=True)["stdout_line_bytes"].__metadata__
    assert [bound.ge for bound in least if isinstance(bound, Ge)] == [LEAST_LINE_BYTES + 1]


def test_maps_are_what_the_model_has_as_such() -> None:
    parts = [part for part in vars(events).values() if hasattr(part, "_fields")]
    hints = [(name, hint) for part in parts for name, hint in typing.get_type_hints(part).items()]
    assert {name for name, hint in hints if typing.get_origin(hint) is Mapping} == MAPS


@CHARACTERS
def test_a_text_is_cut_to_the_bytes_that_json_needs(character: str) -> None:
    plain = {"process": {"args": [character * 300]}, "evidence": {"source": "test"}}
    cut = trimmed(plain, 200, 3)
    (kept,) = cut["process"]["args"]
    assert kept == character * (200 // written_bytes(character))
    assert cut["evidence"]["truncated"] == ["process.args"]
    assert plain["evidence"] == {"source": "test"}


@given(text=st.text(st.sampled_from("x\\u\x01\n\"'0漢😀\udcff"), max_size=80), size=st.integers(1, 200))
@settings(deadline=None, max_examples=300)
def test_a_text_is_cut_before_the_first_character_without_room(text: str, size: int) -> None:
    kept = trimmed({"evidence": {"source": text}}, size, 3)["evidence"]["source"]
    assert text.startswith(kept)
    assert written_bytes(kept) <= size
    assert kept == text or written_bytes(text[: len(kept) + 1]) > size


def test_maps_and_a_pods_labels_are_cut_and_named() -> None:
    health = Health(1.0, 1.0, counters={f"{n:0300}": n for n in range(100)})
    beat = event(Kind.SENSOR_HEARTBEAT)._replace(health=health)
    data, _ = record(beat, Header(SENSOR, pod=POD), Encoding.JSON, LEAST_LINE_BYTES)
    plain = json.loads(data)
    assert plain["evidence"]["truncated"] == ["health.counters", "pod.labels"]
    assert list(plain["health"]["counters"].values()) == list(range(8))
    assert plain["pod"]["labels"] == dict(list(LABELS.items())[:8])
    assert plain["sensor"]["id"] == SENSOR.id


def test_the_ids_of_linked_events_stay_whole_at_the_last_step() -> None:
    of = event()._replace(links=(Link(event_id(SENSOR, Lane.ORDINARY, 2**63), "brought_by"),))
    plain = to_wire(of)
    assert trimmed(plain, *STEPS[-1])["links"] == plain["links"]
