import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.containers.instance import (
    ID_LIMIT,
    UNKNOWN_BOOT,
    boot_id,
    new_epoch,
    sensor_id,
    task_id,
    task_instance,
)
from sensor.model.errors import AccessDenied
from sensor.model.protocols import HOST
from tests.fakes import FakeClock

TASK = "34dc0b5e626f2c5c4c5170e34b10e765"
BOOT = "55091c13-b8cf-4801-b527-f4601742204d"


def name(task: str | None = None, pod: str | None = None, own: str = HOST, boot: str = BOOT, ns: int = 1) -> str:
    return sensor_id(task=task, pod_uid=pod, own_container=own, boot=boot, pid_namespace=ns)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (f"http://169.254.170.2/v4/{TASK}-1234567890", TASK),
        (f"http://169.254.170.2/v4/{TASK}-1234567890/", TASK),
        ("http://169.254.170.2/v4/55091c13-b8cf-4801-b527-f4601742204d", None),
        (f"http://169.254.170.2/v4/{TASK}-1/../../etc", None),
        ("", None),
    ],
)
def test_the_task_id_ends_the_metadata_address_on_fargate(uri: str, expected: str | None) -> None:
    assert task_id({"ECS_CONTAINER_METADATA_URI_V4": uri}) == expected


def test_outside_ecs_there_is_no_task_id() -> None:
    assert task_id({}) is None


def test_the_boot_id_comes_from_the_kernel() -> None:
    assert boot_id({"sys/kernel/random/boot_id": f"{BOOT}\n".encode()}.__getitem__) == BOOT


def test_a_boot_id_that_cannot_be_read_is_named_so() -> None:
    def refuse(name: str) -> bytes:
        raise AccessDenied(name)

    assert boot_id(refuse) == UNKNOWN_BOOT


def test_the_instance_is_the_boot_and_the_task_or_pod() -> None:
    assert task_instance(BOOT, TASK, None) == f"{BOOT}/{TASK}"
    assert task_instance(BOOT, None, "4eede96e") == f"{BOOT}/4eede96e"
    assert task_instance(BOOT, None, None) == f"{BOOT}/"


def test_names_say_what_they_were_made_of() -> None:
    assert name(task=TASK) == TASK
    assert name(pod="4eede96e-e976-4573-bc90-68dfe2516d3b") == "4eede96e-e976-4573-bc90-68dfe2516d3b"
    assert name(own="89a1a09bcf53" + "7" * 52) == "docker-89a1a09bcf53"
    assert re.fullmatch("host-[0-9a-f]{12}", name())
    assert re.fullmatch("docker-[0-9a-f]{12}", name(own="root-0:41"))


def test_where_nothing_better_is_known_boot_namespace_and_root_device_tell_sensors_apart() -> None:
    names = [name(), name(boot="other"), name(ns=2), name(own="root-0:41"), name(own="root-0:42")]
    assert len(set(names)) == len(names)
    assert name() == name()


@given(st.text(), st.text())
def test_names_stay_within_their_characters(pod: str, own: str) -> None:
    assert re.fullmatch(rf"[a-z0-9.-]{{1,{ID_LIMIT}}}", name(pod=pod or None, own=own))


def test_epochs_sort_by_time_and_differ_within_a_millisecond() -> None:
    clock = FakeClock()
    first = new_epoch(clock, lambda n: b"\x00" * n)
    again = new_epoch(clock, lambda n: b"\x01" * n)
    clock.advance(0.001)
    later = new_epoch(clock, lambda n: b"\x00" * n)
    assert first < again < later
    assert re.fullmatch("[0-9a-f]{19}", first)
