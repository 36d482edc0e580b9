"""Every task definition of tests/data: what the injected one is, and that taking the sensor out gives it back."""

import json
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.model
import pytest
import yaml
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st
from task_definitions import FILES, FOLDER, IMAGE, WISHES, injected, removed, requests, with_sensor

from deploy.ecs.wishes import Wishes
from deploy.sidecar.destinations import parse

DESCRIBED = ("described.json", "described_bare.json", "guardduty.json")
"""Answers of DescribeTaskDefinition, which become what can be registered."""

WRITTEN_OUT = "anchors.template.yaml"
"""Comes back with what its aliases and merge keys stand for at the places that were changed."""

EVERY = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


@pytest.fixture(scope="module")
def register() -> botocore.model.Shape:
    """What RegisterTaskDefinition takes, by the service's own model."""
    model = botocore.loaders.create_loader().load_service_model("ecs", "service-2")
    return botocore.model.ServiceModel(model).operation_model("RegisterTaskDefinition").input_shape


def original(file: Path) -> bytes:
    """The file as it is without the sensor."""
    return removed(file.read_bytes()) if file.name in DESCRIBED else file.read_bytes()


def is_given_back(file: Path, content: bytes) -> bool:
    """Whether it is the file as it is without the sensor."""
    if file.name == WRITTEN_OUT:
        return list(requests(content)) == list(requests(file.read_bytes()))
    return content == original(file)


def apps(request: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in request["containerDefinitions"] if one["name"] != "fargate-sensor"]


def test_there_are_thirty_shapes() -> None:
    assert len(FILES) >= 30


@EVERY
def test_ecs_takes_it(file: Path, register: botocore.model.Shape) -> None:
    for request in requests(with_sensor(file)):
        assert not ParamValidator().validate(request, register).has_errors()


@EVERY
def test_the_sensor_is_the_specifications(file: Path) -> None:
    for request in requests(with_sensor(file)):
        (sensor,) = [one for one in request["containerDefinitions"] if one["name"] == "fargate-sensor"]
        assert request["containerDefinitions"][-1] is sensor
        assert sensor["image"] == IMAGE
        assert sensor["essential"] is False
        assert sensor["readonlyRootFilesystem"] is True
        assert sensor["user"] == "0"
        assert sensor["linuxParameters"] == {"capabilities": {"add": ["SYS_PTRACE"]}}
        assert sensor["stopTimeout"] >= 30
        assert sensor["restartPolicy"]["enabled"] is True
        assert "dependsOn" not in sensor
        assert "secrets" not in sensor
        assert {"name": "SENSOR_INGEST_URL", "value": "https://ingest.example.org"} in sensor["environment"]
        if "array" not in file.name and not file.name.startswith("terraform"):
            assert request["pidMode"] == "task"
            assert {"name": "fargate-sensor-spool"} in request["volumes"]


@EVERY
def test_apps_keep_all_but_the_order_of_their_start(file: Path) -> None:
    before = list(requests(original(file)))
    for old, new in zip(before, requests(with_sensor(file)), strict=True):
        for was, now in zip(apps(old), apps(new), strict=True):
            waits = [one for one in now.pop("dependsOn", []) if one["containerName"] != "fargate-sensor"]
            assert (now, waits) == ({k: v for k, v in was.items() if k != "dependsOn"}, was.get("dependsOn", []))


@EVERY
def test_nothing_waits_in_a_circle(file: Path) -> None:
    for request in requests(with_sensor(file)):
        waits = {
            one["name"]: {each["containerName"] for each in one.get("dependsOn", [])}
            for one in request["containerDefinitions"]
        }
        while free := {name for name, others in waits.items() if not others & waits.keys()}:
            waits = {name: others for name, others in waits.items() if name not in free}
        assert waits == {}


@EVERY
def test_a_second_time_changes_nothing(file: Path) -> None:
    once = with_sensor(file)
    assert injected(once) == once
    assert injected(once, Wishes()) == once, "what is not said again stays"


@EVERY
def test_taking_it_out_gives_back_every_byte(file: Path) -> None:
    assert is_given_back(file, removed(with_sensor(file)))


SOME_WISHES = st.builds(
    Wishes,
    image=st.just(IMAGE),
    destinations=st.lists(
        st.sampled_from([*WISHES.destinations, parse("kinesis:s"), parse("s3:logs/p"), parse("stdout")]), min_size=1
    ).map(tuple),
    variables=st.dictionaries(st.sampled_from(["SENSOR_FOLD", "SENSOR_LOG_LEVEL"]), st.sampled_from(["off", "1", ""])),
    token_secret=st.none() | st.just("arn:aws:secretsmanager:eu-central-1:123456789012:secret:t"),
    depends_on=st.sampled_from([None, True, False]),
    spool=st.sampled_from([None, True, False]),
    allow_resize=st.booleans(),
)


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(FILES), SOME_WISHES)
def test_with_any_options_it_is_stable_and_can_be_undone(file: Path, wishes: Wishes) -> None:
    once = injected(file.read_bytes(), wishes)
    assert injected(once, wishes) == once
    assert is_given_back(file, removed(once))


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(FILES), SOME_WISHES, SOME_WISHES)
def test_after_an_update_it_can_be_undone_too(file: Path, first: Wishes, second: Wishes) -> None:
    twice = injected(injected(file.read_bytes(), first), second)
    assert injected(twice, second) == twice
    assert list(requests(removed(twice))) == list(requests(original(file)))


def containers() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Containers that wait for each other in any way but in circles, some with lists that are there and empty."""
    names = ["a", "b", "c", "d"]
    conditions = st.sampled_from(["START", "COMPLETE", "SUCCESS", "HEALTHY"])

    def container(index: int) -> st.SearchStrategy[dict[str, Any]]:
        wait = st.builds(
            lambda name, condition: {"containerName": name, "condition": condition},
            st.sampled_from(names[:index] or ["-"]),
            conditions,
        )
        optional = {
            "dependsOn": st.lists(wait, max_size=2) if index else st.just([]),
            "memory": st.sampled_from([64, 256, 512]),
            "essential": st.booleans(),
            "firelensConfiguration": st.just({"type": "fluentbit"}),
            "healthCheck": st.just({"command": ["CMD", "x"]}),
        }
        fixed = {"name": st.just(names[index]), "image": st.just("i:1")}
        return st.fixed_dictionaries(fixed, optional=optional)

    return st.integers(1, 4).flatmap(lambda count: st.tuples(*map(container, range(count)))).map(list)


TASKS = st.fixed_dictionaries(
    {"family": st.just("f"), "containerDefinitions": containers()},
    optional={
        "cpu": st.just("256"),
        "memory": st.sampled_from(["512", "1024", "2048"]),
        "pidMode": st.sampled_from(["task", ""]),
        "volumes": st.sampled_from([[], [{"name": "v"}]]),
    },
)


@settings(deadline=None, max_examples=60)
@given(TASKS, SOME_WISHES, st.integers(0, 9).map(lambda number: number == 0))
def test_any_task_is_given_back(task: dict[str, Any], wishes: Wishes, as_yaml: bool) -> None:
    written = yaml.safe_dump(task, sort_keys=False) if as_yaml else json.dumps(task)
    once = injected(written.encode(), wishes)
    assert injected(once, wishes) == once
    assert list(requests(removed(once))) == [task]
    assert [list(request) for request in requests(removed(once))] == [list(task)], "the order of keys too"


def test_comments_and_tags_are_kept() -> None:
    file = (FOLDER / "sam.template.yaml").read_text()
    new = injected(file.encode()).decode()
    kept = [line for line in file.splitlines() if "#" in line or "!" in line]
    assert kept == [line for line in new.splitlines() if "#" in line or "!" in line]
    assert new.index("# The one that answers") < new.index("${AWS::AccountId}")
