"""Terraform: `terraform show -json` of a plan or a state. Lines of the .tf files are not in it; addresses are.

Source: https://developer.hashicorp.com/terraform/internals/json-format
"""

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from deploy.checks.marks import Path
from deploy.checks.model import Container, ExecLogs, Subject
from deploy.checks.readers import ecs
from deploy.checks.readers.policies import statements
from deploy.checks.readers.terraform_links import DEEPEST, Resources, linked, references
from deploy.checks.section import UNKNOWN, Reading, Section, snake

POLICIES = frozenset({"aws_iam_role_policy", "aws_iam_policy", "aws_iam_user_policy", "aws_iam_group_policy"})


def subjects(content: dict[str, Any], readings: list[Reading]) -> Iterator[Subject]:
    """The tasks, services and policies of all modules; what is wrong is in `readings`."""
    unknown = {
        change.get("address"): change["change"].get("after_unknown")
        for change in _list(content.get("resource_changes"))
        if isinstance(change, dict)
        and isinstance(change.get("change"), dict)
        and isinstance(change.get("address"), str)
    }
    top = "planned_values" if content.get("planned_values") else "values"
    values = content.get(top)
    root = values.get("root_module") if isinstance(values, dict) else None
    found = [
        (resource["type"], str(resource.get("address")), (*path, "values"), resource["values"])
        for path, resource in _resources(root, (top, "root_module"), 0)
        if isinstance(resource.get("values"), dict) and isinstance(resource.get("type"), str)
        if resource.get("mode") != "data"
    ]
    known = {address: _with_unknown(fields, unknown.get(address)) for _, address, _, fields in found}
    expressions = references(content)
    for kind, address, path, _ in found:
        fields, reading = known[address], Reading(snake)
        if kind == "aws_ecs_task_definition":
            readings.append(reading)
            yield ecs.task(Section(fields, path, reading), _containers(fields, path, reading, readings), address)
        elif kind == "aws_ecs_service":
            readings.append(reading)
            yield ecs.service(Section(fields, path, reading), address, _exec_logs(address, known, expressions))
        elif kind in POLICIES:
            yield from _policy(fields.get("policy"), (*path, "policy"), address, readings)
        elif kind == "aws_iam_role":
            yield from _inline_policies(fields.get("inline_policy"), (*path, "inline_policy"), address, readings)


def _exec_logs(address: str, known: Resources, expressions: dict[str, Any]) -> ExecLogs | None:
    """How the service's cluster logs ECS Exec; None where it is not in the document."""
    cluster = linked(address, "cluster", "aws_ecs_cluster", known, expressions)
    if cluster is None:
        return None
    fields = linked(address, "task_definition", "aws_ecs_task_definition", known, expressions)
    reading = Reading(snake)
    task = fields and ecs.task(Section(fields, (), reading), _containers(fields, (), reading, []))
    return ecs.exec_logs(Section(cluster, (), Reading(snake)), task or None)


def _resources(module: Any, path: Path, depth: int) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The resources of a module and of those in it, and where each stands."""
    if not isinstance(module, dict) or depth > DEEPEST:
        return
    for number, one in enumerate(_list(module.get("resources"))):
        if isinstance(one, dict):
            yield (*path, "resources", number), one
    for number, child in enumerate(_list(module.get("child_modules"))):
        yield from _resources(child, (*path, "child_modules", number), depth + 1)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _with_unknown(planned: Any, unknown: Any, depth: int = 0) -> Any:
    """The values, with what is only known after apply in its place instead of left out; `unknown` has True there."""
    if unknown is True:
        return UNKNOWN
    if depth > DEEPEST:
        return planned
    if isinstance(unknown, dict) and isinstance(planned, dict | None):
        known = planned or {}
        filled = {key: _with_unknown(known.get(key), one, depth + 1) for key, one in unknown.items()}
        return {**known, **{key: one for key, one in filled.items() if one is not None}} or planned
    if isinstance(unknown, list) and isinstance(planned, list | None):
        pairs = zip_longest(planned or [], unknown)
        return [_with_unknown(one, after, depth + 1) for one, after in pairs] or planned
    return planned


def _containers(fields: dict[str, Any], path: Path, task: Reading, readings: list[Reading]) -> list[Container]:
    """They stand as JSON in a text, so that their line is that of the text."""
    value = fields.get("container_definitions")
    if value is UNKNOWN or value is None:
        task.unknown.add("containerDefinitions")
        return []
    path = (*path, "container_definitions")
    found = _from_json(value, path, task)
    reading = Reading()
    readings.append(reading)
    return [
        ecs.container(one)
        for one in Section({"containerDefinitions": found}, path, reading).sections("containerDefinitions")
    ]


def _policy(value: Any, path: Path, name: str, readings: list[Reading]) -> Iterator[Subject]:
    reading = Reading()
    readings.append(reading)
    if isinstance(value, str):
        value = _from_json(value, path, reading)
    yield from statements(Section({path[-1]: value}, path[:-1], reading), str(path[-1]), name)


def _inline_policies(value: Any, path: Path, role: str, readings: list[Reading]) -> Iterator[Subject]:
    """Those in a role. One that is known after apply is not in a plan's values; an empty block has an empty text."""
    if value is UNKNOWN:
        yield from _policy(value, path, role, readings)
    for number, one in enumerate(_list(value)):
        if isinstance(one, dict) and one.get("policy") != "":
            name = f"{role} {one.get('name') or ''}".strip()
            yield from _policy(one.get("policy", UNKNOWN), (*path, number, "policy"), name, readings)


def _from_json(value: Any, path: Path, reading: Reading) -> Any:
    """What Terraform keeps as JSON in a string."""
    try:
        return json.loads(value)
    except (TypeError, ValueError, RecursionError):
        reading.wrong.append((path, f"{path[-1]} must be JSON"))
        return None
