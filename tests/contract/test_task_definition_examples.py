"""The examples in task-definitions/: ECS would take them, cfn-lint has nothing to say, and they name what exists."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.config.validate import check

FOLDER = Path(__file__).parents[2] / "task-definitions"
EXAMPLES = [file for file in sorted(FOLDER.glob("*.json")) if "policy" not in file.name]
POLICIES = sorted(FOLDER.glob("*policy.json"))
README = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_it_can_be_registered(file, aws):
    request = json.loads(file.read_text())
    registered = aws.client("ecs").register_task_definition(**request)["taskDefinition"]
    assert registered["cpu"] == request["cpu"]
    assert len(registered["containerDefinitions"]) == len(request["containerDefinitions"])


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_its_sensor_is_configured(file):
    for container in json.loads(file.read_text())["containerDefinitions"]:
        if container["name"] == "fargate-sensor":
            environ = {entry["name"]: entry["value"] for entry in container["environment"]}
            relative = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/x", "AWS_REGION": "eu-central-1"}
            assert check(environ | relative).problems == ()


def test_cfn_lint_has_nothing_to_say():
    templates = sorted(FOLDER.glob("cloudformation*.yaml"))
    command = [Path(sys.executable).with_name("cfn-lint"), "--", *templates]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "")
    assert len(templates) == 2


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.name)
def test_iam_takes_the_policy(file, aws):
    iam = aws.client("iam")
    if file.name == "trust-policy.json":
        iam.create_role(RoleName=file.stem, AssumeRolePolicyDocument=file.read_text())
    else:
        iam.create_policy(PolicyName=file.stem, PolicyDocument=file.read_text())


@pytest.mark.parametrize("file", [*EXAMPLES, *POLICIES], ids=lambda file: file.name)
def test_the_readme_has_it(file):
    assert f"{file.name}" in README
