"""Every event has an OCSF form that both versions take, and nothing of it is lost on the way."""

import json
from typing import Any

import pytest
from event_strategies import PARTS, event_with, events, headers
from fakes_pipeline import HEADER, event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ocsf_schemas import faults

from sensor.model.codec import event_to_json
from sensor.model.events import (
    Ancestor,
    Container,
    Detection,
    Dns,
    Event,
    File,
    Header,
    Link,
    Loss,
    Network,
    Posture,
    Process,
)
from sensor.model.kinds import Kind
from sensor.ocsf.mapper import CLASSES, to_ocsf

PART_OF = {"process": "process", "file": "file", "network": "network", "dns": "dns", "detection": "detection"} | {
    "posture": "posture",
    "sensor": "health",
}
ANY = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def leaves(plain: Any) -> list[Any]:
    """Every value in a tree."""
    if isinstance(plain, dict):
        return [leaf for value in plain.values() for leaf in leaves(value)]
    if isinstance(plain, list):
        return [leaf for value in plain for leaf in leaves(value)]
    return [plain]


def test_every_kind_has_a_class() -> None:
    assert set(CLASSES) == set(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_an_event_with_nothing_but_its_kind_is_valid(kind: Kind) -> None:
    assert faults(to_ocsf(event(kind), HEADER)) == []


@pytest.mark.parametrize("part", PARTS)
@given(data=st.data(), header=headers)
@ANY
def test_events_of_all_kinds_and_parts_are_valid(part: str, data: st.DataObject, header: Header) -> None:
    given_event = data.draw(event_with(part))
    assert faults(to_ocsf(given_event, header)) == []


@given(data=st.data(), header=headers)
@ANY
def test_kinds_with_the_part_that_they_are_about_are_valid(data: st.DataObject, header: Header) -> None:
    kind = data.draw(st.sampled_from(Kind))
    part = PART_OF.get(kind.split(".")[0], "container")
    given_event = data.draw(event_with(part))._replace(kind=kind)
    ocsf = to_ocsf(given_event, header)
    assert faults(ocsf) == []
    assert json.loads(json.dumps(ocsf, allow_nan=False)) == ocsf


@given(given_event=events, header=headers)
@ANY
def test_the_same_event_gives_the_same_bytes(given_event: Event, header: Header) -> None:
    assert json.dumps(to_ocsf(given_event, header)) == json.dumps(to_ocsf(given_event, header))


@given(given_event=events, header=headers)
@ANY
def test_what_identifies_is_always_there(given_event: Event, header: Header) -> None:
    ocsf = to_ocsf(given_event, header)
    plain = event_to_json(given_event, header)
    assert ocsf["metadata"]["uid"] == plain["id"]
    assert ocsf["metadata"]["event_code"] == given_event.kind
    assert ocsf["metadata"]["original_time"] == plain["time"]
    assert ocsf["time"] == given_event.time // 1_000_000


@given(given_event=events, header=headers)
@ANY
def test_every_text_of_an_event_is_found_again(given_event: Event, header: Header) -> None:
    """Numbers become milliseconds or texts, and addresses and arguments change form; what is a text stays one."""
    native = event_to_json(given_event, header)
    for changed in ("args", "answers", "lane", "time", "start", "question"):
        native = without(native, changed)
    kept = "\n".join(map(str, leaves(to_ocsf(given_event, header))))
    assert [leaf for leaf in leaves(native) if isinstance(leaf, str) and leaf not in kept] == []


def without(plain: Any, name: str) -> Any:
    if isinstance(plain, dict):
        return {key: without(value, name) for key, value in plain.items() if key != name}
    return [without(value, name) for value in plain] if isinstance(plain, list) else plain


@pytest.mark.parametrize("kind", Kind)
def test_texts_longer_than_the_standard_allows_are_kept_where_it_allows_them(kind: Kind) -> None:
    long = "x" * 70_000
    whole = event(kind)._replace(
        container=Container(long, long, long, long),
        process=Process(long, 1, exe=long, args=(long,), user=long, tty=long, ancestors=(Ancestor(long, 2, long),)),
        file=File("/" + long, old_path=long),
        network=Network(hostname=long, src=long, dst=long, transport=long, outcome=long),
        dns=Dns(long, long, long, (long,), long),
        detection=Detection(long, long, long, long, (long,)),
        posture=Posture(long, long, long, long, (long,)),
        loss=Loss(long, long),
        links=(Link(long, long),),
    )
    ocsf = to_ocsf(whole, HEADER)
    assert faults(ocsf) == []
    assert long in json.dumps(ocsf["unmapped"])


def test_what_the_schemas_refuse_is_seen_as_a_fault() -> None:
    assert faults(to_ocsf(event(), HEADER) | {"made_up": 1})
    assert faults({**to_ocsf(event(Kind.SENSOR_START), HEADER), "app": {}})
