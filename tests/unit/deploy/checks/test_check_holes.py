"""What only the deployment fills, in whatever way it is written: it is no fault, and an open question."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.checks.catalog import catalog
from deploy.checks.engine import Result, run

PARAMETERS = "".join(f"  {name}: {{Type: String}}\n" for name in ("Given", "Other", "Own"))
TEMPLATE = """
Parameters:
{parameters}Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      {task}
      ContainerDefinitions: [{{Name: app, Image: "app:1.0.0", {container}}}]
"""
FARGATE = "RequiresCompatibilities: [FARGATE]; NetworkMode: awsvpc"
RESOLVED = '"{{resolve:ssm:/app/given}}"'
SUB = '!Sub "${Given}"'


def checked(file: Path, text: str, *ids: str) -> Result:
    """What these checks say of the file, which has nothing wrong in it."""
    file.write_text(text)
    result = run([check for check in catalog() if check.id in ids], [file])
    assert not result.problems
    return result


def of_template(tmp_path: Path, check: str, fields: str = "", container: str = "") -> tuple[int, int]:
    """How many findings a check has in a template's task with these fields, and how many open questions."""
    lines = "\n      ".join(["Family: f", *filter(None, fields.split("; "))])
    text = TEMPLATE.format(parameters=PARAMETERS, task=lines, container=container or "Essential: true")
    result = checked(tmp_path / "t.yaml", text, check)
    return len(result.findings), result.undecided


@pytest.mark.parametrize("hole", [SUB, RESOLVED, "!Ref Given", '!Join ["", [!Ref Given]]'])
@pytest.mark.parametrize(
    ("check", "fields", "container"),
    [
        ("fargate-rejects", FARGATE, "PortMappings: [{{ContainerPort: {hole}, HostPort: 81}}]"),
        ("fargate-rejects", FARGATE, "StopTimeout: {hole}"),
        ("stop-timeout", "", "StopTimeout: {hole}"),
        ("fargate-size", f"{FARGATE}; Cpu: {{hole}}; Memory: 512", ""),
        ("fargate-size", f"{FARGATE}; Cpu: 256; Memory: {{hole}}", ""),
        ("fargate-rejects", "RequiresCompatibilities: [FARGATE]; NetworkMode: {hole}", ""),
        ("fargate-rejects", f"{FARGATE}; IpcMode: {{hole}}", ""),
        ("fargate-rejects", FARGATE, "LogConfiguration: {{LogDriver: {hole}}}"),
        ("fargate-size", "RequiresCompatibilities: [{hole}]; NetworkMode: awsvpc; Cpu: 128; Memory: 512", ""),
        ("host-namespace", "PidMode: {hole}", ""),
        ("efs-in-clear", "Volumes: [{{Name: v, EFSVolumeConfiguration: {{TransitEncryption: {hole}}}}}]", ""),
        (
            "efs-without-iam",
            "Volumes: [{{Name: v, EFSVolumeConfiguration: {{AuthorizationConfig: {{IAM: {hole}}}}}}}]",
            "",
        ),
        ("fargate-rejects", FARGATE, "ResourceRequirements: [{{Type: {hole}, Value: 1}}]"),
        ("root-user", "", "User: {hole}"),
        ("writable-root", "", "ReadonlyRootFilesystem: {hole}"),
        ("blocking-logging", "", "LogConfiguration: {{LogDriver: awslogs, Options: {{mode: {hole}}}}}"),
        ("added-capabilities", "", "LinuxParameters: {{Capabilities: {{Add: [{hole}]}}}}"),
    ],
)
def test_a_field_that_the_deployment_fills(tmp_path: Path, hole: str, check: str, fields: str, container: str) -> None:
    assert of_template(tmp_path, check, fields.format(hole=hole), container.format(hole=hole)) == (0, 1)


JOINED = '!Join ["", ["arn:aws:iam::1:role/", {}]]'


@pytest.mark.parametrize(
    ("task_role", "execution_role", "said"),
    [
        (JOINED.format("!Ref Given"), JOINED.format("!Ref Other"), (0, 1)),
        (JOINED.format("!GetAtt A.Name"), JOINED.format("!GetAtt B.Name"), (0, 1)),
        ('!Sub ["${R}", {R: !GetAtt A.Arn}]', '!Sub ["${R}", {R: !GetAtt B.Arn}]', (0, 1)),
        (RESOLVED, "arn:aws:iam::1:role/a", (0, 1)),
        (JOINED.format("!Ref Given"), JOINED.format("!Ref Given"), (1, 0)),
        ('!Sub "arn:aws:iam::${AWS::AccountId}:role/a"', '!Sub "arn:aws:iam::${AWS::AccountId}:role/a"', (1, 0)),
        ('!Sub "arn:aws:iam::${AWS::AccountId}:role/a"', '!Sub "arn:aws:iam::${AWS::AccountId}:role/b"', (0, 0)),
        ('!Sub "arn:aws:iam::${AWS::AccountId}:role/a"', "arn:aws:iam::1:role/a", (0, 1)),
        ("arn:aws:iam::1:role/a", "arn:aws:iam::1:role/ba", (0, 0)),
    ],
)
def test_roles_are_the_same_where_their_holes_are(
    tmp_path: Path, task_role: str, execution_role: str, said: tuple[int, int]
) -> None:
    roles = f"TaskRoleArn: {task_role}; ExecutionRoleArn: {execution_role}"
    assert of_template(tmp_path, "same-roles", roles) == said


@pytest.mark.parametrize(
    ("check", "fields", "container"),
    [
        ("fargate-size", {"cpu": "${CPU}"}, {}),
        ("fargate-rejects", {"networkMode": "${MODE}"}, {}),
        ("fargate-rejects", {}, {"portMappings": [{"containerPort": "${PORT}", "hostPort": 81}]}),
        ("stop-timeout", {}, {"stopTimeout": "${STOP}"}),
        ("privileged", {}, {"privileged": "${PRIVILEGED}"}),
    ],
)
def test_what_envsubst_fills_in(tmp_path: Path, check: str, fields: dict[str, Any], container: dict[str, Any]) -> None:
    task = {"family": "f", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "memory": "512"}
    task |= {"cpu": "256", **fields, "containerDefinitions": [{"name": "app", "image": "app:1.0.0", **container}]}
    result = checked(tmp_path / "t.json", json.dumps(task), check)
    assert (len(result.findings), result.undecided) == (0, 1)


@pytest.mark.parametrize(
    ("check", "fields"),
    [
        ("root-user", "securityContext: {runAsUser: '${UID}'}, containers: [{name: a}]"),
        ("root-user", "containers: [{name: a, securityContext: {runAsUser: '${UID}'}}]"),
        ("root-user", "containers: [{name: a, securityContext: {runAsNonRoot: '${SAFE}'}}]"),
        ("pod-stop-timeout", "terminationGracePeriodSeconds: '${GRACE}', containers: [{name: a}]"),
    ],
)
def test_what_envsubst_fills_in_of_a_pod(tmp_path: Path, check: str, fields: str) -> None:
    result = checked(tmp_path / "p.yaml", f"apiVersion: v1\nkind: Pod\nspec: {{{fields}}}\n", check)
    assert (len(result.findings), result.undecided) == (0, 1)


def test_a_service_whose_addresses_the_deployment_decides(tmp_path: Path) -> None:
    network = '{AwsvpcConfiguration: {AssignPublicIp: !Sub "${Public}"}}'
    text = f"Resources: {{S: {{Type: AWS::ECS::Service, Properties: {{NetworkConfiguration: {network}}}}}}}\n"
    result = checked(tmp_path / "s.yaml", text, "public-ip")
    assert (len(result.findings), result.undecided) == (0, 1)


REPOSITORY = '!Join ["", [!Ref Account, ".dkr.ecr.", !Ref "AWS::Region", ".amazonaws.com/", !Ref Repo, "{}"]]'


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ('!Sub "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/${Repo}:latest"', ["the tag is latest"]),
        ('!Sub "${RepoUri}:stable"', ["the tag is stable"]),
        (REPOSITORY.format(":latest"), ["the tag is latest"]),
        ('"{{resolve:ssm:/a:1/repository}}:latest"', ["the tag is latest"]),
        ('"$REPO:latest"', ["the tag is latest"]),
        ('"${REGISTRY:-localhost:5000}/app"', ["the image has no tag, which means latest"]),
        ('!Sub "a:${AWS::StackName}"', None),
        ('"app:$TAG"', None),
        ('"app:${TAG:-latest}"', None),
        ('!Sub "${Image}"', None),
        (RESOLVED, None),
        (REPOSITORY.format(""), None),
        ('!Sub "${Repo}:v1"', []),
        ('!Sub "app:1.2-${Build}"', []),
        ('!Sub "${Repo}@${Digest}"', []),
        ("localhost:5000/app:latest", ["the tag is latest"]),
    ],
)
def test_a_tag_is_judged_beside_holes(tmp_path: Path, image: str, said: list[str] | None) -> None:
    text = TEMPLATE.format(parameters=PARAMETERS, task="Family: f", container="Essential: true")
    result = checked(tmp_path / "t.yaml", text.replace('"app:1.0.0"', image), "mutable-image-tag")
    assert [finding.flaw.text for finding in result.findings] == (said or [])
    assert result.undecided == (said is None)
