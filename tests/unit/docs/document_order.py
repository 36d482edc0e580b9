"""What a document's commands need of those before them: that it was made, and that it was waited for."""

import re
from collections.abc import Sequence

from document_shell import Call


def complain(calls: Sequence[Call]) -> list[str]:
    """What comes too early among the calls of one document, in their order."""
    lines = [f"{call.program} {' '.join(call.words)}" for call in calls]
    found = [(line, check(lines[:at], line)) for at, line in enumerate(lines) for check in _CHECKS]
    return [f"{line}: {said}" for line, said in found if said]


def _tested(before: Sequence[str], line: str) -> str | None:
    """The pod of `helm test` asks once."""
    found = re.match(r"helm test (\S+)", line)
    early = found and any(re.match(rf"helm install {found[1]} (?!.*--wait\b)", one) for one in before)
    return "its pods may not run yet; install with --wait" if early else None


def _entered(before: Sequence[str], line: str) -> str | None:
    """A pod on Fargate needs about a minute."""
    found = re.match(r"kubectl (-n \S+ )?(?:exec|logs) (\S+)", line)
    if found is None:
        return None
    run, waited = f"kubectl {found[1] or ''}run {found[2]} ", re.compile(rf"kubectl .*wait .*pod/{found[2]}\b")
    last = [one for one in before if waited.match(one) or (one.startswith(run) and "--dry-run" not in one)][-1:]
    return "it may not run yet; wait for it" if last and last[0].startswith(run) else None


def _labelled(before: Sequence[str], line: str) -> str | None:
    found = re.match(r"kubectl label namespace (?!default )(\S+)", line)
    lacks = found and f"kubectl create namespace {found[1]}" not in before
    return "nothing has created it" if lacks else None


def _tailed(before: Sequence[str], line: str) -> str | None:
    """A task on Fargate needs about a minute as well."""
    early = re.match(r"aws logs tail (?!.*--follow\b)", line) and any("aws ecs run-task" in one for one in before)
    return "the task may not have said anything yet; follow it" if early else None


_CHECKS = (_tested, _entered, _labelled, _tailed)
