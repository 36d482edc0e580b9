"""What ECS refuses on Fargate is found in each spelling, and what it takes is not."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.checks.catalog import catalog
from deploy.checks.engine import run

ONLY = [check for check in catalog() if check.id == "fargate-rejects"]
NETWORK = "a networkMode other than awsvpc; where none is named it is bridge"
STORAGE = "ephemeralStorage outside 21 to 200 GiB"
DRIVER = "a logDriver other than awslogs, awsfirelens, splunk"
TIMEOUT = "a stopTimeout outside 2 to 120 seconds"
EMPTY = "it has no container"
PORT = "a hostPort other than its containerPort"


def refused(tmp_path: Path, name: str, content: Any) -> list[str]:
    """What Fargate is said not to take, in the order of the report."""
    (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    result = run(ONLY, [tmp_path / name])
    assert not result.problems
    return [finding.flaw.text.removeprefix("Fargate does not take ") for finding in result.findings]


def task(**fields: Any) -> dict[str, Any]:
    sound = {"family": "f", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc"}
    sound["containerDefinitions"] = [{"name": "app", "image": "app:1"}]
    return {key: value for key, value in (sound | fields).items() if value is not None}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, []),
        ({"networkMode": "bridge"}, [NETWORK]),
        ({"networkMode": "none"}, [NETWORK]),
        ({"networkMode": None}, [NETWORK]),
        ({"networkMode": "host"}, []),
        ({"networkMode": "bridge", "requiresCompatibilities": ["EC2"]}, []),
        ({"networkMode": "bridge", "requiresCompatibilities": ["EC2", "FARGATE"]}, [NETWORK]),
        ({"ipcMode": "task", "requiresCompatibilities": None, "cpu": "256"}, ["ipcMode"]),
        ({"ipcMode": "task", "requiresCompatibilities": None}, []),
        ({"ipcMode": "task"}, ["ipcMode"]),
        ({"ipcMode": "none"}, ["ipcMode"]),
        ({"ipcMode": "host"}, []),
        ({"ipcMode": ""}, []),
        ({"ephemeralStorage": {"sizeInGiB": 20}}, [STORAGE]),
        ({"ephemeralStorage": {"sizeInGiB": 21}}, []),
        ({"ephemeralStorage": {"sizeInGiB": 200}}, []),
        ({"ephemeralStorage": {"sizeInGiB": 201}}, [STORAGE]),
    ],
)
def test_what_a_task_may_not_be(tmp_path: Path, fields: dict[str, Any], found: list[str]) -> None:
    assert refused(tmp_path, "t.json", task(**fields)) == found


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"stopTimeout": 1}, [TIMEOUT]),
        ({"stopTimeout": 2}, []),
        ({"stopTimeout": 120}, []),
        ({"stopTimeout": 121}, [TIMEOUT]),
        ({"logConfiguration": {"logDriver": "json-file"}}, [DRIVER]),
        ({"logConfiguration": {"logDriver": "awsfirelens"}}, []),
        ({"logConfiguration": {"logDriver": "splunk"}}, []),
        ({"portMappings": [{"containerPort": 80, "hostPort": 8080}]}, [PORT]),
        ({"portMappings": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 8080}]}, [PORT]),
        ({"portMappings": [{"containerPort": 80, "hostPort": 80}]}, []),
        ({"portMappings": [{"containerPort": 80, "hostPort": 0}, {"containerPortRange": "90-99"}]}, []),
    ],
)
def test_what_a_container_may_not_have(tmp_path: Path, fields: dict[str, Any], found: list[str]) -> None:
    content = task(containerDefinitions=[{"name": "app", "image": "app:1", **fields}])
    assert refused(tmp_path, "t.json", content) == named(found)


def named(texts: list[str]) -> list[str]:
    return [f"container app: Fargate does not take {text}" for text in texts]


TEMPLATE = """
Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      RequiresCompatibilities: [FARGATE]
      NetworkMode: {network}
      EphemeralStorage: {{SizeInGiB: {size}}}
      ContainerDefinitions:
        - Name: app
          StopTimeout: {timeout}
          LogConfiguration: {{LogDriver: {driver}}}
          PortMappings: [{{ContainerPort: 80, HostPort: {port}}}]
"""


def test_a_template_is_asked_the_same(tmp_path: Path) -> None:
    bad = TEMPLATE.format(network="bridge", size='"500"', timeout=300, driver="syslog", port=81)
    assert refused(tmp_path, "t.yaml", bad) == [NETWORK, STORAGE, *named([DRIVER, TIMEOUT, PORT])]


def test_what_only_the_deployment_knows_is_not_held_against_it(tmp_path: Path) -> None:
    ref = "!Ref Given"
    assert refused(tmp_path, "t.yaml", TEMPLATE.format(network=ref, size=ref, timeout=ref, driver=ref, port=ref)) == []


def test_terraform_is_asked_the_same(tmp_path: Path) -> None:
    values = {
        "requires_compatibilities": ["FARGATE"],
        "network_mode": "bridge",
        "ipc_mode": "task",
        "ephemeral_storage": [{"size_in_gib": 500}],
        "container_definitions": "[]",
    }
    resource = {"mode": "managed", "type": "aws_ecs_task_definition", "address": "a.b", "values": values}
    plan = {"planned_values": {"root_module": {"resources": [resource]}}}
    assert refused(tmp_path, "plan.json", plan) == [EMPTY, NETWORK, "ipcMode", STORAGE]


POD = "apiVersion: v1\nkind: Pod\nspec: {%s}\n"
DEFINED = "Resources: {T: {Type: AWS::ECS::TaskDefinition, Properties: {%s}}}\n"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"family": "x", "containerDefinitions": []}', [EMPTY]),
        ('{"family": "x", "containerDefinitions": [{"name": "a", "image": "a:1"}]}', []),
        (POD % "containers: []", [EMPTY]),
        (POD % "initContainers: [{name: a}], containers: []", [EMPTY]),
        (POD % "containers: [{name: a}]", []),
        (POD % "nodeSelector: {a: b}", []),
        (DEFINED % "ContainerDefinitions: []", [EMPTY]),
        (DEFINED % "ContainerDefinitions: !Ref Given", []),
        (DEFINED % "ContainerDefinitions: [!If [A, {Name: a}, !Ref AWS::NoValue]]", []),
        (DEFINED % "Fn::Transform: {Name: AWS::Include}", []),
    ],
)
def test_a_task_or_pod_has_a_container(tmp_path: Path, content: str, found: list[str]) -> None:
    assert refused(tmp_path, "t.yaml", content) == found


DEPLOYED = """
apiVersion: apps/v1
kind: {kind}
metadata: {{name: shop}}
spec:
  template:
    metadata: {{labels: {{{labels}}}}}
    spec: {{nodeSelector: {{{selector}}}, volumes: [{{name: v, {volume}: {{path: /srv}}}}], containers: [{container}]}}
"""
BY_LABEL = {"labels": "eks.amazonaws.com/fargate-profile: shop"}
BY_SELECTOR = {"selector": "eks.amazonaws.com/compute-type: fargate"}
ADDS = "{capabilities: {add: [SYS_PTRACE, NET_ADMIN]}}"
CONTAINER = f"{{name: app, ports: [{{containerPort: 80, hostPort: 80}}], securityContext: {ADDS}}}"


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, []),
        (BY_LABEL, []),
        ({"kind": "DaemonSet"}, []),
        ({"kind": "DaemonSet", **BY_LABEL}, ["a DaemonSet"]),
        ({"kind": "DaemonSet", **BY_SELECTOR}, ["a DaemonSet"]),
        ({"selector": "eks.amazonaws.com/compute-type: ec2", "volume": "hostPath"}, []),
        ({"volume": "hostPath", **BY_SELECTOR}, ["hostPath of the volume v"]),
        ({"container": CONTAINER}, []),
        ({"container": CONTAINER, **BY_LABEL}, named(["hostPort", "SYS_PTRACE"])),
    ],
)
def test_what_a_pod_may_not_have_there(tmp_path: Path, fields: dict[str, str], found: list[str]) -> None:
    usual = {"kind": "Deployment", "labels": "", "selector": "", "volume": "emptyDir", "container": "{name: app}"}
    assert refused(tmp_path, "pod.yaml", DEPLOYED.format(**usual | fields)) == found
