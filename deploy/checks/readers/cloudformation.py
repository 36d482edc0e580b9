"""CloudFormation and SAM templates: the ECS resources in them, and their inline policies."""

from collections.abc import Iterator
from typing import Any

from deploy.checks.model import Subject
from deploy.checks.readers import ecs
from deploy.checks.readers.intrinsics import Intrinsics
from deploy.checks.readers.policies import statements
from deploy.checks.section import Reading, Section, pascal

TASK, SERVICE, CLUSTER = (f"AWS::ECS::{kind}" for kind in ("TaskDefinition", "Service", "Cluster"))


def subjects(content: dict[str, Any], readings: list[Reading]) -> Iterator[Subject]:
    """All that a template declares; what is wrong is in `readings`."""
    resources = content.get("Resources")
    resolve = Intrinsics(content.get("Parameters"))
    for name, resource in resources.items() if isinstance(resources, dict) else ():
        if not isinstance(resource, dict):
            continue
        kind, path = resource.get("Type"), ("Resources", str(name), "Properties")
        properties = resource.get("Properties")
        if kind in (TASK, SERVICE):
            reading = Reading(pascal, resolve)
            readings.append(reading)
            section = Section(properties, path, reading)
            logging = _exec_logging(resources, properties, resolve)
            yield ecs.task(section, name=str(name)) if kind == TASK else ecs.service(section, str(name), logging)
        elif isinstance(kind, str) and kind.startswith("AWS::IAM::"):
            reading = Reading(resolve=resolve)
            readings.append(reading)
            yield from _policies(Section(properties, path, reading), str(name))


def _policies(section: Section, name: str) -> Iterator[Subject]:
    if section.raw("PolicyDocument") is not None:
        yield from statements(section.section("PolicyDocument"), name)
    if section.raw("Policies") is not None:
        for policy in section.sections("Policies"):
            yield from statements(policy.section("PolicyDocument"), f"{name} {policy.text('PolicyName') or ''}".strip())


def _exec_logging(resources: Any, properties: Any, resolve: Intrinsics) -> str | None:
    """How the cluster that the service refers to logs ECS Exec; None where it is not in the template."""
    reference = properties.get("Cluster") if isinstance(properties, dict) else None
    name = reference.get("Ref") if isinstance(reference, dict) else None
    cluster = resources.get(name) if isinstance(name, str) else None
    if not isinstance(cluster, dict) or cluster.get("Type") != CLUSTER:
        return None
    return ecs.cluster_logging(Section(cluster.get("Properties"), (), Reading(pascal, resolve)))
