"""An inline policy allows nearly everything."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Statement


def _find(statement: Statement) -> Iterator[Flaw]:
    if "*" in statement.actions:
        yield Flaw("it allows every action")
    elif statement.all_but:
        yield Flaw("it allows every action but some (NotAction)")
    elif "*" in statement.resources:
        for action in statement.actions:
            if action.endswith(":*"):
                yield Flaw(f"it allows {action} on every resource", key=action)


CHECK = Check(
    id="wildcard-policy",
    title="An inline policy allows nearly everything",
    severity=Severity.HIGH,
    subject=Statement,
    why="A break-in into one task then reaches the whole account or service.",
    mend="Name the actions and the resources.",
    references=("Checkov CKV_AWS_63",),
    reads=("Action", "Resource", "Statement"),
    find=_find,
)
