"""Terraform: `terraform show -json` of a plan or a state. Lines of the .tf files are not in it; addresses are.

Source: https://developer.hashicorp.com/terraform/internals/json-format
"""

import json
from collections.abc import Iterator
from typing import Any

from deploy.checks.model import Container, Subject
from deploy.checks.readers import ecs
from deploy.checks.readers.policies import statements
from deploy.checks.section import UNKNOWN, Reading, Section, snake

DEEPEST = 50
POLICIES = frozenset({"aws_iam_role_policy", "aws_iam_policy", "aws_iam_user_policy", "aws_iam_group_policy"})


def subjects(content: dict[str, Any], readings: list[Reading]) -> Iterator[Subject]:
    """The tasks, services and policies of all modules; what is wrong is in `readings`."""
    unknown = {
        change.get("address"): change["change"].get("after_unknown")
        for change in content.get("resource_changes") or ()
        if isinstance(change, dict)
        and isinstance(change.get("change"), dict)
        and isinstance(change.get("address"), str)
    }
    values = content.get("planned_values") or content.get("values")
    root = values.get("root_module") if isinstance(values, dict) else None
    for resource in _resources(root, 0):
        kind, address, fields = resource.get("type"), str(resource.get("address")), resource.get("values")
        if not isinstance(fields, dict):
            continue
        fields = _with_unknown(fields, unknown.get(address))
        reading = Reading(snake)
        if kind == "aws_ecs_task_definition":
            readings.append(reading)
            yield ecs.task(Section(fields, (), reading), _containers(fields, reading, readings), address)
        elif kind == "aws_ecs_service":
            readings.append(reading)
            yield ecs.service(Section(fields, (), reading), address, None)
        elif kind in POLICIES:
            yield from _policy(fields, address, readings)


def _resources(module: Any, depth: int) -> Iterator[dict[str, Any]]:
    if not isinstance(module, dict) or depth > DEEPEST:
        return
    yield from (one for one in module.get("resources") or () if isinstance(one, dict))
    for child in module.get("child_modules") or ():
        yield from _resources(child, depth + 1)


def _with_unknown(fields: dict[str, Any], unknown: Any) -> dict[str, Any]:
    """The values, with what is only known after apply in its place instead of left out."""
    after = unknown if isinstance(unknown, dict) else {}
    return {**fields, **{key: UNKNOWN for key, value in after.items() if value is True}}


def _containers(fields: dict[str, Any], task: Reading, readings: list[Reading]) -> list[Container]:
    value = fields.get("container_definitions")
    if value is UNKNOWN or value is None:
        task.unknown.add("containerDefinitions")
        return []
    found = _from_json(value, "container_definitions", task)
    reading = Reading()
    readings.append(reading)
    return [
        ecs.container(one)
        for one in Section({"containerDefinitions": found}, (), reading).sections("containerDefinitions")
    ]


def _policy(fields: dict[str, Any], address: str, readings: list[Reading]) -> Iterator[Subject]:
    reading = Reading()
    readings.append(reading)
    value = fields.get("policy")
    if isinstance(value, str):
        yield from statements(Section(_from_json(value, "policy", reading), (), reading), address)


def _from_json(value: Any, key: str, reading: Reading) -> Any:
    """What Terraform keeps as JSON in a string."""
    try:
        return json.loads(value)
    except (TypeError, ValueError, RecursionError):
        reading.wrong.append(((), f"{key} must be JSON"))
        return None
