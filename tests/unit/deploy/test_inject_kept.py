"""What stands beside what injection changes, in the same list or mapping or by an alias, stays as it is."""

import json
from typing import Any

import pytest
from task_definitions import IMAGE, SINGLE, WISHES, changed, injected, removed, sensor_of

from deploy.documents.shared import WRITTEN_OUT
from deploy.ecs.document import read
from deploy.ecs.inject import inject
from deploy.ecs.remove import remove
from deploy.ecs.wishes import Wishes
from deploy.told import note

ARN = "arn:aws:ssm:eu-central-1:123456789012:parameter/"
START = {"containerName": "fargate-sensor", "condition": "START"}


def test_a_container_that_waits_for_others_waits_for_the_sensor_too() -> None:
    request = json.loads(SINGLE)
    (app,) = request["containerDefinitions"]
    proxy = {"containerName": "proxy", "condition": "HEALTHY"}
    request["containerDefinitions"] = [{**app, "dependsOn": [proxy]}, {**app, "name": "proxy"}]
    content = json.dumps(request, indent=2).encode()
    once = injected(content)
    assert json.loads(once)["containerDefinitions"][0]["dependsOn"] == [proxy, START]
    assert removed(once) == content


def test_rights_that_others_gave_or_took_stay() -> None:
    linux = {"initProcessEnabled": True, "capabilities": {"add": [], "drop": ["NET_ADMIN"]}}
    assert sensor_of(injected(changed(linuxParameters=linux), Wishes()))["linuxParameters"] == {
        "initProcessEnabled": True,
        "capabilities": {"add": ["SYS_PTRACE"], "drop": ["NET_ADMIN"]},
    }


def test_another_token_leaves_the_other_secrets() -> None:
    other = {"name": "OTHER", "valueFrom": f"{ARN}other"}
    token = {"name": "SENSOR_INGEST_TOKEN", "valueFrom": f"{ARN}token"}
    once = changed(secrets=[other, token])
    wishes = Wishes(token_secret=f"{ARN}new")
    assert sensor_of(injected(once, wishes))["secrets"] == [other, token | {"valueFrom": f"{ARN}new"}]


def test_without_a_spool_other_mounts_stay() -> None:
    mounts = [*sensor_of(injected(SINGLE))["mountPoints"], {"sourceVolume": "rules", "containerPath": "/rules"}]
    sensor = sensor_of(injected(changed(mountPoints=mounts), Wishes(spool=False)))
    assert sensor["mountPoints"] == mounts[1:]
    assert "SENSOR_SPOOL_DIR" not in [one["name"] for one in sensor["environment"]]


def test_what_an_alias_shares_with_the_sensor_is_changed_there_alone() -> None:
    content = b"""containerDefinitions:
  - name: app
    image: app:1
    environment: &shared
      - name: SENSOR_INGEST_URL
        value: https://old.example.org
  - name: fargate-sensor
    image: fargate-sensor:1
    environment: *shared
"""
    document = read(content)
    told = inject(document.definitions[0], WISHES)
    assert note(WRITTEN_OUT) in told
    app, sensor = document.definitions[0].containers
    assert app.parts("environment")[0].get("value") == "https://old.example.org"
    assert sensor.parts("environment")[0].get("value") == "https://ingest.example.org"


def test_the_sensor_is_taken_out_of_one_task_and_not_of_that_which_shares_its_containers() -> None:
    content = b"""Resources:
  A:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions: &all
        - {Name: app, Image: "app:1"}
        - {Name: fargate-sensor, Image: "fargate-sensor:1"}
  B:
    Type: AWS::ECS::TaskDefinition
    Properties: {ContainerDefinitions: *all}
"""
    document = read(content)
    first, second = document.definitions
    told = remove(first)
    assert first.sensor is None
    assert second.sensor is not None
    assert told == [
        note("fargate-sensor has no record of what was before it: the rest of the task stays"),
        note(WRITTEN_OUT),
    ]


@pytest.mark.parametrize("work", [lambda one: inject(one, WISHES), remove], ids=["inject", "remove"])
def test_nothing_is_told_to_be_written_out_where_nothing_is_shared(work: Any) -> None:
    document = read(changed(image=IMAGE))
    assert note(WRITTEN_OUT) not in work(document.definitions[0])
