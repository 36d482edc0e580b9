"""Inline policies in templates and in Terraform: what allows too much, and what only the deployment knows of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.checks.catalog import catalog
from deploy.checks.engine import run

ONLY = [check for check in catalog() if check.id == "wildcard-policy"]
EVERYTHING = "it allows every action"
BUT = "it allows every action but some (NotAction)"
S3 = "it allows s3:* on every resource"
ROLE = "Resources: {Role: {Type: AWS::IAM::Role, Properties: {Policies: %s}}}\n"
STATEMENTS = ROLE % "[{PolicyName: p, PolicyDocument: {Statement: %s}}]"


def judged(file: Path, content: str) -> tuple[list[str], int]:
    """What was found, and how many questions were left open."""
    file.write_text(content)
    result = run(ONLY, [file])
    assert not result.problems
    return [finding.flaw.text for finding in result.findings], result.undecided


@pytest.mark.parametrize(
    ("statement", "texts", "open_questions"),
    [
        ("Effect: Allow, Action: s3:GetObject, Resource: '*'", [], 0),
        ("Effect: Allow, NotAction: 'iam:*', Resource: '*'", [BUT], 0),
        ("Effect: Allow, NotAction: !Ref Some, Resource: '*'", [BUT], 0),
        ("Effect: Allow, NotAction: !Ref AWS::NoValue, Action: s3:GetObject, Resource: '*'", [], 0),
        ("Effect: Deny, NotAction: 'iam:*', Resource: '*'", [], 0),
        ("Effect: Allow, Action: '*', Resource: !GetAtt Bucket.Arn", [EVERYTHING], 0),
        ("Effect: Allow, Action: '*:*', Resource: !GetAtt Bucket.Arn", [EVERYTHING], 0),
        ("Effect: Allow, Action: s3:GetObject, Resource: !GetAtt Bucket.Arn", [], 0),
        ("Effect: Allow, Action: 's3:*', NotResource: 'arn:aws:s3:::b/*'", [f"{S3} but some (NotResource)"], 0),
        ("Effect: Allow, Action: 's3:*', NotResource: !GetAtt Bucket.Arn", [f"{S3} but some (NotResource)"], 0),
        ("Effect: Allow, Action: s3:GetObject, NotResource: 'arn:aws:s3:::b/*'", [], 0),
        ("Effect: Allow, Action: 's3:*', Resource: !GetAtt Bucket.Arn", [], 1),
        ("Effect: Allow, Action: 's3:*', Resource: [!GetAtt Bucket.Arn, 'arn:aws:s3:::b']", [], 1),
        ("Effect: Allow, Action: 's3:*', Resource: [!GetAtt Bucket.Arn, '*']", [S3], 0),
        ("Effect: Allow, Action: 's3:*', Resource: 'arn:aws:s3:::b'", [], 0),
        ("Effect: Allow, Action: !Ref Action, Resource: '*'", [], 1),
        ("Effect: Allow, Action: [s3:GetObject, !Ref Action], Resource: '*'", [], 1),
        ("Effect: Allow, Action: ['s3:*', !Ref Action], Resource: '*'", [S3], 0),
        ("Effect: !Ref Effect, Action: '*', Resource: '*'", [], 1),
        ("Effect: !Sub '${Effect}', Action: '*', Resource: '*'", [], 1),
    ],
)
def test_a_statement(tmp_path: Path, statement: str, texts: list[str], open_questions: int) -> None:
    assert judged(tmp_path / "t.yaml", STATEMENTS % f"[{{{statement}}}]") == (texts, open_questions)
    assert judged(tmp_path / "t.yaml", STATEMENTS % f"{{{statement}}}") == (texts, open_questions)


ALL = "{Effect: Allow, Action: '*', Resource: '*'}"


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        (STATEMENTS % "!Ref Given", []),
        (STATEMENTS % f"[{ALL}, !If [Prod, {ALL}, !Ref AWS::NoValue]]", [EVERYTHING]),
        (ROLE % "!Ref Given", []),
        (ROLE % f"[!Ref Given, {{PolicyDocument: {{Statement: {ALL}}}}}]", [EVERYTHING]),
        (ROLE % "[{PolicyName: p, PolicyDocument: !Ref Given}]", []),
        ("Resources: {P: {Type: AWS::IAM::Policy, Properties: {PolicyDocument: !Ref Given}}}", []),
    ],
)
def test_an_unknown_part_is_one_open_question(tmp_path: Path, text: str, texts: list[str]) -> None:
    assert judged(tmp_path / "t.yaml", text) == (texts, 1)


def test_a_role_without_policies_is_no_question(tmp_path: Path) -> None:
    assert judged(tmp_path / "t.yaml", "Resources: {Role: {Type: AWS::IAM::Role, Properties: {}}}") == ([], 0)


POLICY = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def plan(kind: str, values: dict[str, Any], unknown: dict[str, Any] | None = None, **more: str) -> str:
    """A Terraform plan with this one resource."""
    resource = {"mode": "managed", "type": kind, "address": f"{kind}.one", "values": values, **more}
    change = {"address": resource["address"], "change": {"after_unknown": unknown or {}}}
    return json.dumps({"planned_values": {"root_module": {"resources": [resource]}}, "resource_changes": [change]})


@pytest.mark.parametrize(
    ("text", "texts", "open_questions"),
    [
        (plan("aws_iam_policy", {"policy": POLICY}), [EVERYTHING], 0),
        (plan("aws_iam_policy", {"policy": POLICY}, mode="data"), [], 0),
        (plan("aws_iam_role_policy", {}, {"policy": True}), [], 1),
        (plan("aws_iam_role", {"inline_policy": [{"name": "p", "policy": POLICY}]}), [EVERYTHING], 0),
        (plan("aws_iam_role", {"inline_policy": [{"name": "p"}]}, {"inline_policy": [{"policy": True}]}), [], 1),
        (plan("aws_iam_role", {}, {"inline_policy": True}), [], 1),
        (plan("aws_iam_role", {"inline_policy": [{"name": "", "policy": ""}]}), [], 0),
        (plan("aws_iam_role", {"inline_policy": [{"name": None, "policy": None}]}), [], 0),
        (plan("aws_iam_role", {"inline_policy": []}), [], 0),
        (plan("aws_iam_role", {"inline_policy": [7]}), [], 0),
    ],
)
def test_terraform(tmp_path: Path, text: str, texts: list[str], open_questions: int) -> None:
    assert judged(tmp_path / "plan.json", text) == (texts, open_questions)


def test_an_inline_policy_is_known_by_its_role_and_its_line(tmp_path: Path) -> None:
    values = {"inline_policy": [{"name": "orders", "policy": POLICY}]}
    (tmp_path / "plan.json").write_text(json.dumps(json.loads(plan("aws_iam_role", values)), indent=1))
    (finding,) = run(ONLY, [tmp_path / "plan.json"]).findings
    assert finding.subject == "policy aws_iam_role.one orders"
    line = (tmp_path / "plan.json").read_text().splitlines()[finding.line - 1]
    assert line.strip().startswith('"policy": ')


def test_a_data_source_is_nothing_that_is_deployed(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(plan("aws_ecs_task_definition", {"network_mode": "host"}, mode="data"))
    result = run(catalog(), [tmp_path / "plan.json"])
    assert (result.subjects, result.findings) == (0, [])
