"""Tasks and pods for Windows are told nothing that cannot be followed there."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.checks.catalog import catalog
from deploy.checks.engine import run

OF_LINUX = {"writable-root", "no-sensor"}
TASK = {
    "family": "f", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "1024", "memory": "2048",
}  # fmt: skip
APP = {
    "name": "app", "image": "app:1.2.3", "user": "ContainerUser", "stopTimeout": 30,
    "logConfiguration": {"logDriver": "awslogs"}, "healthCheck": {"command": ["CMD", "x"]},
}  # fmt: skip


def fired(file: Path, content: dict[str, Any]) -> set[str]:
    file.write_text(json.dumps(content))
    result = run(catalog(), [file])
    assert not result.problems
    return {finding.check.id for finding in result.findings}


@pytest.mark.parametrize(
    ("system", "user", "found"),
    [
        ("WINDOWS_SERVER_2022_CORE", "ContainerUser", set()),
        ("WINDOWS_SERVER_2022_CORE", None, {"root-user"}),
        ("WINDOWS_SERVER_2022_CORE", "containerAdministrator", {"root-user"}),
        ("LINUX", "ContainerUser", OF_LINUX),
    ],
)
def test_a_task(tmp_path: Path, system: str, user: str | None, found: set[str]) -> None:
    containers = [APP | {"user": user}]
    task = TASK | {"runtimePlatform": {"operatingSystemFamily": system}, "containerDefinitions": containers}
    assert fired(tmp_path / "t.json", task) == found


WINDOWS = {"os": {"name": "windows"}}
AS_USER = {"securityContext": {"windowsOptions": {"runAsUserName": "ContainerUser"}}}


@pytest.mark.parametrize(
    ("spec", "container", "found"),
    [
        (WINDOWS | AS_USER, {}, set()),
        (WINDOWS, AS_USER, set()),
        (WINDOWS, {"securityContext": {"runAsNonRoot": True}}, set()),
        (WINDOWS, {}, {"root-user"}),
        ({"nodeSelector": {"kubernetes.io/os": "windows"}}, {}, {"root-user"}),
        (
            WINDOWS | AS_USER,
            {"securityContext": {"windowsOptions": {"runAsUserName": "ContainerAdministrator"}}},
            {"root-user"},
        ),
        ({"securityContext": {"runAsUser": 1000}}, {}, OF_LINUX),
        ({"os": {"name": "linux"}, "securityContext": {"runAsUser": 1000}}, {}, OF_LINUX),
    ],
)
def test_a_pod(tmp_path: Path, spec: dict[str, Any], container: dict[str, Any], found: set[str]) -> None:
    app = {"name": "app", "image": "app:1.2.3", "livenessProbe": {"exec": {"command": ["x"]}}, **container}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {**spec, "containers": [app]}}
    assert fired(tmp_path / "p.json", pod) == found
