"""Which reader a document is for."""

from collections.abc import Iterator
from typing import Any

from deploy.checks.documents import Document
from deploy.checks.model import Subject
from deploy.checks.problems import Note, Problem
from deploy.checks.readers import cloudformation, ecs, kubernetes, terraform
from deploy.checks.section import UNKNOWN, Reading, Section


def read(document: Document) -> Iterator[Subject | Problem]:
    """All subjects of a document, then what was wrong or not looked into; nothing where it is of none of our kinds."""
    readings: list[Reading] = []
    yield from _subjects(document.content, readings)
    for path, text in dict.fromkeys(wrong for reading in readings for wrong in reading.wrong):
        yield Problem(document.file, document.line(path), text)
    for path, text in (told for reading in readings for told in reading.passed_over):
        yield Note(document.file, document.line(path), text)


def _subjects(content: Any, readings: list[Reading]) -> Iterator[Subject]:
    if isinstance(content, list):
        if content and all(isinstance(one, dict) and {"name", "image"} <= one.keys() for one in content):
            yield _bare_containers(content, readings)
    elif not isinstance(content, dict):
        return
    elif "containerDefinitions" in content:
        yield ecs.task(_section(content, (), readings))
    elif isinstance(content.get("taskDefinition"), dict):
        yield ecs.task(_section(content["taskDefinition"], ("taskDefinition",), readings))
    elif "serviceName" in content and "taskDefinition" in content:
        yield ecs.service(_section(content, (), readings), str(content["serviceName"]), None)
    elif isinstance(content.get("Resources"), dict):
        yield from cloudformation.subjects(content, readings)
    elif "planned_values" in content or ("terraform_version" in content and "values" in content):
        yield from terraform.subjects(content, readings)
    elif "apiVersion" in content and "kind" in content:
        readings.append(Reading(resolve=kubernetes.rendered))
        yield from kubernetes.pods(Section(content, (), readings[-1]))


def _section(content: Any, path: tuple[str | int, ...], readings: list[Reading]) -> Section:
    readings.append(Reading())
    return Section(content, path, readings[-1])


def _bare_containers(content: list[Any], readings: list[Reading]) -> Subject:
    """An array of container definitions, as Terraform modules take it: the task around them is not known."""
    reading = Reading()
    readings.append(reading)
    made = [ecs.container(Section(one, (number,), reading)) for number, one in enumerate(content)]
    fields = ("family", "cpu", "memory", "pidMode", "taskRoleArn", "executionRoleArn", "requiresCompatibilities")
    return ecs.task(Section(dict.fromkeys(fields, UNKNOWN), (), reading), made, "of container definitions")
