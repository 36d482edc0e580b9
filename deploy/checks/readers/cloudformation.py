"""CloudFormation and SAM templates: the ECS resources in them, and their inline policies."""

from collections.abc import Iterator
from typing import Any

from deploy.checks.model import ExecLogs, Subject
from deploy.checks.readers import ecs
from deploy.checks.readers.intrinsics import Intrinsics
from deploy.checks.readers.policies import statements, unknown_policy
from deploy.checks.section import Reading, Section, pascal

TASK, SERVICE, CLUSTER = (f"AWS::ECS::{kind}" for kind in ("TaskDefinition", "Service", "Cluster"))


def subjects(content: dict[str, Any], readings: list[Reading]) -> Iterator[Subject]:
    """All that a template declares; what is wrong is in `readings`."""
    resources = content.get("Resources")
    resolve = Intrinsics(content.get("Parameters"))
    for name, resource in resources.items() if isinstance(resources, dict) else ():
        if str(name).startswith("Fn::ForEach"):
            readings.append(_loop(str(name)))
        if not isinstance(resource, dict):
            continue
        kind, path = resource.get("Type"), ("Resources", str(name), "Properties")
        properties = resource.get("Properties")
        if kind in (TASK, SERVICE):
            reading = Reading(pascal, resolve)
            readings.append(reading)
            section = Section(properties, path, reading)
            if kind == TASK:
                yield ecs.task(section, name=str(name))
            else:
                yield ecs.service(section, str(name), _exec_logs(resources, properties, resolve))
        elif isinstance(kind, str) and kind.startswith("AWS::IAM::"):
            reading = Reading(resolve=resolve)
            readings.append(reading)
            yield from _policies(Section(properties, path, reading), str(name))


def _loop(name: str) -> Reading:
    reading = Reading()
    reading.passed_over.append((("Resources", name), f"{name} is not looked into: what it makes was not checked"))
    return reading


def _policies(section: Section, name: str) -> Iterator[Subject]:
    yield from statements(section, "PolicyDocument", name)
    for policy in section.sections("Policies"):
        yield from statements(policy, "PolicyDocument", f"{name} {policy.text('PolicyName') or ''}".strip())
    if "Policies" in section.reading.unknown:
        yield unknown_policy(section, name)


def _exec_logs(resources: Any, service: Any, resolve: Intrinsics) -> ExecLogs | None:
    """How the cluster that the service refers to logs ECS Exec; None where it is not in the template."""
    cluster = _referred(resources, service, "Cluster", CLUSTER)
    if cluster is None:
        return None
    content = _referred(resources, service, "TaskDefinition", TASK)
    task = None if content is None else ecs.task(Section(content, (), Reading(pascal, resolve)))
    return ecs.exec_logs(Section(cluster, (), Reading(pascal, resolve)), task)


def _referred(resources: Any, service: Any, key: str, kind: str) -> dict[str, Any] | None:
    """The properties of the resource of this kind that `Ref` names."""
    reference = service.get(key) if isinstance(service, dict) else None
    name = reference.get("Ref") if isinstance(reference, dict) else None
    found = resources.get(name) if isinstance(name, str) else None
    if not isinstance(found, dict) or found.get("Type") != kind:
        return None
    properties = found.get("Properties")
    return properties if isinstance(properties, dict) else {}
