"""A result as text, as JSON and as SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/)."""

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any
from urllib.parse import quote

from deploy.checks.check import Check, Finding, Severity
from deploy.checks.engine import Result, Waived
from deploy.checks.fingerprint import fingerprint, portable
from deploy.checks.problems import Problem, printable
from sensor import __version__

LEVELS = {Severity.LOW: "note", Severity.MEDIUM: "warning", Severity.HIGH: "error", Severity.CRITICAL: "error"}
SCORES = {Severity.LOW: "3.0", Severity.MEDIUM: "5.5", Severity.HIGH: "8.0", Severity.CRITICAL: "9.5"}
"""The property `security-severity` by which GitHub sorts."""


def text(result: Result, *, verbose: bool) -> Iterator[str]:
    """Lines: how often each check found something, with `verbose` where, and what was looked at."""
    for check, found in _by_check(result.findings):
        yield f"{len(found):>5}  {check.severity.name.lower():<8}  {check.id:<23} {check.title}"
        if verbose:
            yield from (printable(f"       {f.file}:{f.line}: {f.subject}: {f.flaw.text}") for f in found)
            yield f"       To mend it: {check.mend}"
    yield (
        f"{len(result.findings)} findings in {result.files} files: {result.subjects} tasks, pods, services, policies,"
        f" {result.empty} files without any, {result.undecoded} passed over undecoded, {len(result.problems)} problems,"
        f" {result.undecided} questions that only the deployment answers"
    )
    if result.waived or result.gone:
        known = sum(waived.known for waived in result.waived)
        yield (
            f"not counted: {len(result.waived) - known} suppressed, {known} in the baseline;"
            f" {result.gone} of the baseline not found again"
        )
    if result.findings and not verbose:
        yield "--verbose shows where, and how to mend it"


def as_json(result: Result) -> str:
    """One object: counts, findings, problems."""
    return json.dumps(
        {
            "files": result.files,
            "files_without": result.empty,
            "files_undecoded": result.undecoded,
            "subjects": result.subjects,
            "undecided": result.undecided,
            "findings": [_finding(finding) for finding in result.findings],
            "waived": [
                {**_finding(one.finding), "reason": one.reason, "in_baseline": one.known} for one in result.waived
            ],
            "baseline_gone": result.gone,
            "problems": [problem._asdict() for problem in result.problems],
            "notes": [note._asdict() for note in result.notes],
        },
        indent=2,
    )


def sarif(checks: Iterable[Check], result: Result) -> str:
    """A log with one run; files that could not be read are notifications of the run."""
    checks = tuple(checks)
    index = {check.id: number for number, check in enumerate(checks)}
    run = {
        "tool": {
            "driver": {"name": "fargate-sensor check", "version": __version__, "rules": [_rule(c) for c in checks]}
        },
        "columnKind": "unicodeCodePoints",
        "results": [
            *(_result(finding, index[finding.check.id]) for finding in result.findings),
            *(_waived(waived, index[waived.finding.check.id]) for waived in result.waived),
        ],
        "invocations": [
            {
                "executionSuccessful": not result.problems,
                "toolExecutionNotifications": [
                    *(_notification(problem, "error") for problem in result.problems),
                    *(_notification(note, "note") for note in result.notes),
                ],
            }
        ],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2)


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check.id,
        "severity": finding.check.severity.name.lower(),
        "title": finding.check.title,
        "file": finding.file,
        "line": finding.line,
        "subject": finding.subject,
        "text": finding.flaw.text,
        "fingerprint": fingerprint(finding),
    }


def _by_check(findings: Iterable[Finding]) -> Iterator[tuple[Check, list[Finding]]]:
    ordered = sorted(findings, key=lambda f: (-f.check.severity, f.check.id))
    for _, group in groupby(ordered, key=lambda f: f.check.id):
        found = list(group)
        yield found[0].check, found


def _rule(check: Check) -> dict[str, Any]:
    return {
        "id": check.id,
        "shortDescription": {"text": f"{check.title}."},
        "fullDescription": {"text": check.why},
        "help": {"text": f"{check.mend} {'; '.join(check.references)}".strip()},
        "defaultConfiguration": {"level": LEVELS[check.severity]},
        "properties": {"tags": ["security"], "security-severity": SCORES[check.severity]},
    }


def _result(finding: Finding, index: int) -> dict[str, Any]:
    return {
        "ruleId": finding.check.id,
        "ruleIndex": index,
        "level": LEVELS[finding.check.severity],
        "message": {"text": f"{finding.subject}: {finding.flaw.text}."},
        "locations": [_location(finding.file, finding.line)],
        "partialFingerprints": {"fargateSensor/v1": fingerprint(finding)},
    }


def _waived(waived: Waived, index: int) -> dict[str, Any]:
    suppression = {"kind": "external", "status": "accepted", "justification": waived.reason}
    return {**_result(waived.finding, index), "suppressions": [suppression]}


def _notification(problem: Problem, level: str) -> dict[str, Any]:
    return {
        "level": level,
        "message": {"text": problem.text},
        "locations": [_location(problem.file, problem.line)],
    }


def _location(file: str, line: int | None) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(portable(file).encode("utf-8", "surrogateescape"))}}
    return {"physicalLocation": place if line is None else {**place, "region": {"startLine": line}}}
