"""Names that never mean two things."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.model.events import Header, Pod, Sensor, Task
from sensor.model.identity import event_id, process_entity, task_key
from sensor.model.kinds import URGENT_KINDS, Kind, Lane, lane_of

SENSOR = Sensor("sensor-1", "epoch-1", "1.0")
KEYS = st.tuples(st.text(max_size=4), st.integers(0, 99), st.integers(1, 99), st.integers(0, 99))


@given(one=KEYS, other=KEYS)
def test_entities_are_equal_only_for_the_same_process(
    one: tuple[str, int, int, int], other: tuple[str, int, int, int]
) -> None:
    assert (process_entity(*one) == process_entity(*other)) == (one == other)


def test_an_entity_is_stable_and_24_hex_digits() -> None:
    assert process_entity("boot/task", 4026531836, 7, 12345) == "00c1e452b5c9e322dac7031e"


def test_an_event_is_named_by_sensor_epoch_lane_and_number() -> None:
    assert event_id(SENSOR, Lane.URGENT, 9) == "sensor-1/epoch-1/urgent/9"


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (Header(SENSOR, Task("ecs-fargate", arn="arn:aws:ecs:eu-west-1:1:task/cluster/0123abcd")), "0123abcd"),
        (Header(SENSOR, Task("docker")), "sensor-1"),
        (Header(SENSOR, pod=Pod("default", "web-0", "uid-1")), "uid-1"),
        (Header(SENSOR), "sensor-1"),
    ],
)
def test_a_task_is_listed_by_the_best_name_it_has(header: Header, key: str) -> None:
    assert task_key(header) == key


def test_the_urgent_lane_holds_what_must_not_wait() -> None:
    assert {kind for kind in Kind if lane_of(kind) is Lane.URGENT} == URGENT_KINDS
    assert Kind.DETECTION in URGENT_KINDS
    assert Kind.PROCESS_EXEC not in URGENT_KINDS
