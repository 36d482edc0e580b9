"""What destinations read in records, in both forms."""

import pytest
from event_strategies import events
from fakes_pipeline import HEADER, alone, event
from hypothesis import given, settings

from sensor.model.counters import Counters
from sensor.model.events import Event, Header, Process, Task
from sensor.model.protocols import Encoding
from sensor.pipeline.encode import Encoder
from shippers.record_facts import Facts, facts

TASK = Header(HEADER.sensor, Task("ecs-fargate", "123456789012", "eu-central-1"))


def record(given_event: Event, encoding: Encoding, header: Header = TASK) -> bytes:
    item = Encoder(Counters()).encode(given_event)
    assert item is not None
    (found,) = alone(encoding, header, [item])
    return found


@pytest.mark.parametrize("encoding", [Encoding.JSON, Encoding.OCSF])
def test_both_forms_tell_the_same(encoding: Encoding) -> None:
    found = facts(record(event()._replace(process=Process("e", 1)), encoding))
    assert found == Facts("s1/epoch1/ordinary/1", "process.exec", "20231114", "123456789012", "eu-central-1")
    assert (found.sensor, found.epoch, found.lane, found.seq) == ("s1", "epoch1", "ordinary", 1)
    assert found.order == "s1/ordinary"


@pytest.mark.parametrize("encoding", [Encoding.JSON, Encoding.OCSF])
@given(given_event=events)
@settings(deadline=None, max_examples=50)
def test_every_event_has_an_identity_and_a_day(encoding: Encoding, given_event: Event) -> None:
    found = facts(record(given_event, encoding))
    assert (found.sensor, found.kind, len(found.day)) == ("s1", given_event.kind, 8)


@pytest.mark.parametrize("encoding", [Encoding.JSON, Encoding.OCSF])
def test_without_a_task_place_is_unknown(encoding: Encoding) -> None:
    found = facts(record(event(), encoding, HEADER))
    assert (found.account, found.region) == ("unknown", "unknown")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"7",
        b"{}",
        b'{"class_uid":1}',
        b'{"id":"a/b","kind":"x","time":"2023"}',
        b'{"id":"a/b/c/x","kind":"x","time":"2023"}',
        b'{"id":7,"kind":"x","time":"2023"}',
        b'{"class_uid":1,"metadata":7}',
    ],
)
def test_what_the_pipeline_did_not_make_is_no_record(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        facts(raw)
