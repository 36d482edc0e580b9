"""Events become bytes once; numbers have no gaps; no event is too long or too strange to cost another one."""

import logging

import msgpack
import pytest
from event_strategies import events
from fakes_pipeline import event
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.model.codec import event_from_wire
from sensor.model.counters import Counters
from sensor.model.events import Ancestor, Event, File, Process, Timestamp
from sensor.model.kinds import Kind, Lane, lane_of
from sensor.pipeline.encode import MAX_EVENT_BYTES, Encoder

BROKEN = event()._replace(time=Timestamp(-1))


def decoded(data: bytes) -> Event:
    return event_from_wire(msgpack.unpackb(data))


def with_process(**fields: object) -> Event:
    return event()._replace(process=Process("e1", 7, **fields))  # type: ignore[arg-type]


def test_each_lane_counts_from_one() -> None:
    encoder = Encoder(Counters())
    kinds = [Kind.PROCESS_EXEC, Kind.DETECTION, Kind.FILE_OPEN, Kind.SENSOR_STOP]
    numbers = [(item.lane, item.seq) for kind in kinds if (item := encoder.encode(event(kind)))]
    assert numbers == [(Lane.ORDINARY, 1), (Lane.URGENT, 1), (Lane.ORDINARY, 2), (Lane.URGENT, 2)]


@given(given=events)
@settings(deadline=None, max_examples=50)
def test_the_bytes_hold_the_event_with_its_lane_and_number(given: Event) -> None:
    item = Encoder(Counters()).encode(given)
    assert item is not None
    assert decoded(item.data) == given._replace(lane=lane_of(given.kind), seq=1)


def test_what_is_encoded_is_counted_by_kind() -> None:
    counters = Counters()
    encoder = Encoder(counters)
    encoder.encode(event())
    encoder.encode(event())
    assert counters.seen == {"process.exec": 2}


@pytest.mark.parametrize(
    "broken",
    [
        BROKEN,
        event()._replace(file=File("/x", size=2**64)),
        with_process(args=(object(),)),
    ],
)
def test_an_event_without_a_form_is_counted_told_and_takes_no_number(
    broken: Event, caplog: pytest.LogCaptureFixture
) -> None:
    counters = Counters()
    encoder = Encoder(counters)
    assert encoder.encode(broken) is None
    item = encoder.encode(event())
    assert item is not None
    assert item.seq == 1
    assert counters.losses == {"unencodable": 1}
    assert [(r.levelno, r.exc_info) for r in caplog.records] == [(logging.ERROR, None)]
    assert caplog.messages[0].startswith("process.exec events cannot be encoded and are lost: ")


def test_a_folded_event_that_is_lost_counts_as_often_as_it_happened() -> None:
    counters = Counters()
    Encoder(counters).encode(BROKEN._replace(count=7))
    assert counters.losses == {"unencodable": 7}


def test_the_same_fault_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    counters = Counters()
    encoder = Encoder(counters)
    for _ in range(5):
        encoder.encode(BROKEN)
    assert counters.losses == {"unencodable": 5}
    assert len(caplog.messages) == 1


def test_a_surrogate_that_slipped_through_costs_no_event() -> None:
    item = Encoder(Counters()).encode(with_process(exe="/tmp/\udcff"))
    assert item is not None
    process = decoded(item.data).process
    assert process is not None
    assert process.exe == "/tmp/\\udcff"


def test_a_short_event_is_not_touched() -> None:
    args = tuple(str(n) for n in range(5_000))
    item = Encoder(Counters()).encode(with_process(args=args))
    assert item is not None
    assert decoded(item.data).process == Process("e1", 7, args=args)


def test_long_arguments_are_cut_and_named() -> None:
    args = ("sh", "-c", "x" * 2**20, *(["y"] * 100))
    item = Encoder(Counters()).encode(with_process(args=args))
    assert item is not None
    assert len(item.data) <= MAX_EVENT_BYTES
    found = decoded(item.data)
    assert found.evidence.truncated == ("process.args",)
    assert found.process is not None
    assert found.process.args is not None
    assert found.process.args[:2] == args[:2]
    assert args[2].startswith(found.process.args[2])
    assert len(found.process.args[2]) >= 16_000
    assert found.process.args[3:] == args[3:]


def test_what_was_cut_before_stays_named() -> None:
    long = with_process(args=("x" * 2**20,))
    long = long._replace(evidence=long.evidence._replace(truncated=("process.exe",)))
    item = Encoder(Counters()).encode(long)
    assert item is not None
    assert decoded(item.data).evidence.truncated == ("process.args", "process.exe")


def test_every_long_field_can_be_cut() -> None:
    deep = tuple(Ancestor("e", n, "\\xff" * 16_000) for n in range(16))
    hostile = with_process(exe="/" * 300_000, preload=("LD_PRELOAD=" + "p" * 131_000,) * 2, ancestors=deep)
    item = Encoder(Counters()).encode(hostile._replace(file=File("/" + "f" * 300_000)))
    assert item is not None
    assert len(item.data) <= MAX_EVENT_BYTES
    assert decoded(item.data).evidence.truncated == (
        "file.path",
        "process.ancestors.exe",
        "process.exe",
        "process.preload",
    )


@given(args=st.lists(st.text(max_size=300), max_size=60).map(tuple), bound=st.integers(40_000, 90_000))
@settings(deadline=None, max_examples=50)
def test_no_event_is_longer_than_the_bound(args: tuple[str, ...], bound: int) -> None:
    long = with_process(args=tuple(a * 20 for a in args) * 3)
    item = Encoder(Counters(), max_bytes=bound).encode(long)
    assert item is not None
    assert len(item.data) <= bound
    assert decoded(item.data).process is not None


def test_what_cannot_be_cut_enough_is_lost_and_counted() -> None:
    counters = Counters()
    assert Encoder(counters, max_bytes=10).encode(event()) is None
    assert counters.losses == {"unencodable": 1}
