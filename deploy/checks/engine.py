"""Asks every check about every subject of every file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import NamedTuple

from deploy.checks.check import Check, Finding, Undecided
from deploy.checks.documents import Document, come_upon, documents
from deploy.checks.files import ComeUpon
from deploy.checks.model import Container, Subject, Task
from deploy.checks.problems import Note, Problem
from deploy.checks.readers.reading import read
from deploy.checks.sensor_shape import is_ours

ECS_ONLY = frozenset({"no-logging", "blocking-logging", "logging-without-buffer", "stop-timeout"})
"""Checks of containers that mean nothing in a pod: the kubelet logs, and the pod has one time to stop in."""

LINUX_ONLY = frozenset({"writable-root"})
"""Checks of containers whose advice cannot be followed on Windows, which has no read-only root. Sources:
ContainerDefinition in the API reference of ECS, and `os` of a pod in that of Kubernetes."""

SENSOR_TOO = frozenset({"secret-in-environment"})
"""What is asked about our own sidecar as about any container."""


class Waived(NamedTuple):
    """A finding that counts no more, and why; `known` where a baseline has it."""

    finding: Finding
    reason: str
    known: bool = False


@dataclass
class Result:
    """What came of a run; `undecided` are questions that only the deployment could answer.

    `undecoded` are files that nobody named, that cannot be decoded and in which nothing looks like ours.
    `gone` are findings of the baseline that were not found again, `notes` what is told and is no fault of a file.
    """

    files: int = 0
    empty: int = 0
    undecoded: int = 0
    subjects: int = 0
    undecided: int = 0
    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    waived: list[Waived] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    gone: int = 0


def run(checks: Iterable[Check], files: Iterable[FilePath | ComeUpon | Problem]) -> Result:
    """Check the files; one that cannot be read is a problem and keeps no other from being checked.

    A `Problem` among them is a directory that cannot be read, a `Note` says what was left out.
    """
    checks, result = tuple(checks), Result()
    for file in files:
        if isinstance(file, Problem):
            _tell(file, result)
            continue
        before = result.subjects, len(result.problems)
        result.files += 1
        for document in come_upon(file.file) if isinstance(file, ComeUpon) else documents(file):
            if isinstance(document, Problem):
                result.undecoded += isinstance(document, Note)
                _tell(document, result)
            else:
                _document(checks, document, result)
        result.empty += before == (result.subjects, len(result.problems))
    return result


def _tell(problem: Problem, result: Result) -> None:
    if isinstance(problem, Note):
        result.notes.append(problem)
    else:
        result.problems.append(problem)


def _document(checks: tuple[Check, ...], document: Document, result: Result) -> None:
    for subject in read(document):
        if isinstance(subject, Problem):
            _tell(subject, result)
            continue
        result.subjects += 1
        for check, one, name in _questions(checks, subject):
            if _cannot_tell(check, one):
                result.undecided += 1
                continue
            for flaw in check.find(one):
                if isinstance(flaw, Undecided):
                    result.undecided += 1
                    continue
                line = document.line(one.path if flaw.path is None else flaw.path)
                result.findings.append(Finding(check, document.file, line, name, flaw))


def _questions(checks: tuple[Check, ...], subject: Subject) -> Iterator[tuple[Check, Subject, str]]:
    """Which checks are asked about the subject and the containers in it, and what it is called."""
    yield from ((check, subject, subject.name) for check in checks if check.subject is type(subject))
    if not isinstance(subject, Task):
        return
    for container in subject.containers:
        name = f"{subject.name}, container {container.name}"
        for check in checks:
            if check.subject is Container and not _exempt(check, subject, container):
                yield check, container, name


def _exempt(check: Check, task: Task, container: Container) -> bool:
    if is_ours(container) and check.id not in SENSOR_TOO:
        return True
    return (task.pod and check.id in ECS_ONLY) or (task.windows and check.id in LINUX_ONLY)


def _cannot_tell(check: Check, subject: Subject) -> bool:
    """Whether a field that the check looks at, or something in or around it, is known only at deployment."""
    return any(
        name == field or name.startswith(f"{field}.") or field.startswith(f"{name}.")
        for name in subject.unknown
        for field in check.reads
    )
