"""Files of every kind against every check: what fires, where, and what is told of files that cannot be read."""

import json
from pathlib import Path

import pytest

from deploy.checks.catalog import catalog
from deploy.checks.command import main
from deploy.checks.engine import Result, run

SECRET = "hunter2-is-no-good"
BAD = {
    "family": "web", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "4096",
    "taskRoleArn": "arn:aws:iam::1:role/a", "executionRoleArn": "arn:aws:iam::1:role/a", "enableFaultInjection": True,
    "pidMode": "host",
    "volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}],
    "containerDefinitions": [{
        "name": "app", "image": "app:latest", "privileged": True, "links": ["x"], "stopTimeout": 2,
        "linuxParameters": {"capabilities": {"add": ["SYS_PTRACE", "SYS_ADMIN"]}},
        "environment": [{"name": "DB_PASSWORD", "value": SECRET}],
    }],
}  # fmt: skip
FIRED = {
    "secret-in-environment", "writable-root", "root-user", "privileged", "added-capabilities", "ptrace-without-need",
    "mutable-image-tag", "no-logging", "no-health-check", "stop-timeout", "same-roles", "fault-injection", "no-sensor",
    "efs-in-clear", "efs-without-iam", "host-namespace", "fargate-size", "fargate-rejects",
}  # fmt: skip


def check(tmp_path: Path, name: str, text: str) -> Result:
    (tmp_path / name).write_text(text)
    return run(catalog(), [tmp_path / name])


def fired(result: Result) -> set[str]:
    return {finding.check.id for finding in result.findings}


@pytest.mark.parametrize(
    "wrap", [lambda task: task, lambda task: {"taskDefinition": task}], ids=["register", "describe"]
)
def test_a_bad_task_definition_is_found_bad_in_each_respect(tmp_path: Path, wrap) -> None:
    assert fired(check(tmp_path, "t.json", json.dumps(wrap(BAD)))) == FIRED


def test_the_same_in_cloudformation_and_a_line_for_it(tmp_path: Path) -> None:
    result = check(
        tmp_path,
        "t.yaml",
        "Parameters: {Key: {Type: String, NoEcho: true}}\nResources:\n  T:\n    Type: AWS::ECS::TaskDefinition\n"
        "    Properties:\n      ContainerDefinitions:\n        - Name: app\n"
        "          Image: !Sub 'a:${AWS::StackName}'\n"
        "          User: !Ref Unknown\n          Environment:\n            - {Name: X, Value: !Ref Key}\n",
    )
    assert [f.line for f in result.findings if f.check.id == "secret-in-environment"] == [11]
    assert not {"root-user", "mutable-image-tag"} & fired(result)
    assert result.undecided == 2
    assert not result.problems


def test_a_pod_and_our_sidecar(tmp_path: Path) -> None:
    pod = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
        "spec:\n  hostPID: true\n  containers:\n  - {name: a, image: a}\n"
    )
    assert fired(check(tmp_path, "p.yaml", f"{pod}---\n{pod}")) >= {"host-namespace", "root-user", "no-sensor"}
    ours = {"name": "fargate-sensor", "image": "r/fargate-sensor:0.1.0", "essential": False, "stopTimeout": 30,
            "readonlyRootFilesystem": True, "linuxParameters": {"capabilities": {"add": ["SYS_PTRACE"]}}}  # fmt: skip
    task = {"family": "f", "pidMode": "task", "containerDefinitions": [ours]}
    assert fired(check(tmp_path, "s.json", json.dumps(task))) == set()
    task["containerDefinitions"] = [{**ours, "essential": True}]
    assert fired(check(tmp_path, "s.json", json.dumps(task))) == {"sensor-misplaced"}


def test_a_plan_whose_containers_are_unknown_is_not_judged(tmp_path: Path) -> None:
    resource = {"address": "aws_ecs_task_definition.a", "type": "aws_ecs_task_definition", "values": {"family": "a"}}
    plan = {
        "planned_values": {"root_module": {"child_modules": [{"resources": [resource]}]}},
        "resource_changes": [
            {"address": resource["address"], "change": {"after_unknown": {"container_definitions": True}}}
        ],
    }
    assert "no-sensor" not in fired(check(tmp_path, "plan.json", json.dumps(plan)))
    resource["values"]["container_definitions"] = json.dumps(BAD["containerDefinitions"])
    plan["resource_changes"] = []
    assert "privileged" in fired(check(tmp_path, "plan.json", json.dumps(plan)))


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.json", '{\n"a": }', 2),
        ("a.yaml", "a: 1\n\tb: 2", 2),
        ("a.yaml", "[" * 100_000, 1),
        ("a.json", "[" * 100_000, None),
        ("a.yaml", "&a [*a]", 1),
        ("a.json", '{"family": "f",\n"containerDefinitions": 3}', 2),
        ("a.json", "", None),
    ],
)
def test_malformed_input_is_one_problem_with_its_line(tmp_path: Path, name: str, text: str, line: int | None) -> None:
    (tmp_path / "good.json").write_text(json.dumps(BAD))
    (tmp_path / name).write_text(text)
    result = run(catalog(), [tmp_path / name, tmp_path / "good.json"])
    assert [problem.line for problem in result.problems] == [line]
    assert fired(result) >= FIRED


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_no_report_shows_a_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    (tmp_path / "t.json").write_text(json.dumps(BAD))
    assert main([str(tmp_path), "--format", form, "--verbose"]) == 1
    shown = capsys.readouterr().out
    assert "DB_PASSWORD" in shown
    assert SECRET not in shown


def test_exit_codes(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(BAD))
    assert main([str(tmp_path), "--fail-on", "never"]) == 0
    assert main([str(tmp_path / "missing.json"), "--fail-on", "never"]) == 1
    assert main(["--no-such-option"]) == 2


GOOD = {
    "name": "app", "image": "app:1.2.3", "user": "1000", "readonlyRootFilesystem": True, "stopTimeout": 30,
    "logConfiguration": {"logDriver": "awslogs", "options": {"mode": "non-blocking", "max-buffer-size": "25m"}},
    "healthCheck": {"command": ["CMD", "true"]},
    "dependsOn": [{"containerName": "fargate-sensor", "condition": "START"}],
}  # fmt: skip
SENSOR = {
    "name": "fargate-sensor", "image": "r/fargate-sensor:0.1.0", "essential": False, "stopTimeout": 30,
    "readonlyRootFilesystem": True, "linuxParameters": {"capabilities": {"add": ["SYS_PTRACE"]}},
}  # fmt: skip


def of_app(tmp_path: Path, app: dict) -> set[str]:
    """What fires on a sound task whose app's container is this."""
    task = {"family": "f", "pidMode": "task", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
    task |= {"networkMode": "awsvpc", "containerDefinitions": [app, SENSOR]}
    return fired(check(tmp_path, "t.json", json.dumps(task)))


def test_a_sound_task_has_no_findings(tmp_path: Path) -> None:
    assert of_app(tmp_path, GOOD) == set()


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"mode": "blocking"}, {"blocking-logging"}),
        ({"mode": "non-blocking"}, {"logging-without-buffer"}),
        ({"mode": "non-blocking", "max-buffer-size": "25m"}, set()),
    ],
)
def test_how_logs_wait(tmp_path: Path, options: dict[str, str], found: set[str]) -> None:
    assert of_app(tmp_path, GOOD | {"logConfiguration": {"logDriver": "awslogs", "options": options}}) == found


SERVICE = """
Resources:
  Cluster:
    Type: AWS::ECS::Cluster
    Properties: {{Configuration: {{ExecuteCommandConfiguration: {logging}}}}}
  Service:
    Type: AWS::ECS::Service
    Properties:
      Cluster: !Ref Cluster
      EnableExecuteCommand: true
      NetworkConfiguration: {{AwsvpcConfiguration: {{AssignPublicIp: {public}}}}}
"""


@pytest.mark.parametrize(
    ("logging", "public", "found"),
    [
        ("{Logging: NONE}", "ENABLED", {"exec-without-logging", "public-ip"}),
        ("{Logging: OVERRIDE, LogConfiguration: {S3BucketName: b}}", "DISABLED", set()),
    ],
)
def test_a_service_of_a_template(tmp_path: Path, logging: str, public: str, found: set[str]) -> None:
    assert fired(check(tmp_path, "s.yaml", SERVICE.format(logging=logging, public=public))) == found


ROLE = """
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyName: p
          PolicyDocument: {{Statement: [{{Effect: Allow, Action: "{action}", Resource: "{resource}"}}]}}
"""


@pytest.mark.parametrize(
    ("action", "resource", "found"),
    [
        ("*", "*", {"wildcard-policy"}),
        ("s3:*", "*", {"wildcard-policy"}),
        ("s3:*", "arn:aws:s3:::one/*", set()),
        ("kinesis:PutRecords", "*", set()),
    ],
)
def test_an_inline_policy(tmp_path: Path, action: str, resource: str, found: set[str]) -> None:
    assert fired(check(tmp_path, "r.yaml", ROLE.format(action=action, resource=resource))) == found


@pytest.mark.parametrize(("seconds", "fires"), [(5, True), (30, False)])
def test_how_long_a_pod_may_stop(tmp_path: Path, seconds: int, fires: bool) -> None:
    pod = f"apiVersion: v1\nkind: Pod\nspec: {{terminationGracePeriodSeconds: {seconds}, containers: [{{name: a}}]}}\n"
    assert ("pod-stop-timeout" in fired(check(tmp_path, "p.yaml", pod))) == fires
