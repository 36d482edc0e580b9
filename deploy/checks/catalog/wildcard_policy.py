"""An inline policy allows nearly everything."""

from collections.abc import Iterator

from deploy.checks.check import UNDECIDED, Check, Flaw, Severity, Undecided
from deploy.checks.model import Statement


def _find(statement: Statement) -> Iterator[Flaw | Undecided]:
    wide = [action for action in statement.actions if action.endswith(":*")]
    everywhere = "every resource but some (NotResource)" if statement.resources_but else "every resource"
    if not {"*", "*:*"}.isdisjoint(statement.actions):
        yield Flaw("it allows every action")
    elif statement.all_but:
        yield Flaw("it allows every action but some (NotAction)")
    elif wide and ("*" in statement.resources or statement.resources_but):
        yield from (Flaw(f"it allows {action} on {everywhere}", key=action) for action in wide)
    elif "Action" in statement.unknown or (wide and "Resource" in statement.unknown):
        yield UNDECIDED


CHECK = Check(
    id="wildcard-policy",
    title="An inline policy allows nearly everything",
    severity=Severity.HIGH,
    subject=Statement,
    why="A break-in into one task then reaches the whole account or service.",
    mend="Name the actions and the resources.",
    references=("Checkov CKV_AWS_63",),
    reads=("Effect", "Statement"),
    find=_find,
)
