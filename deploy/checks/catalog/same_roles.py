"""Execution role and task role are the same."""

from collections.abc import Iterator

from deploy.checks.check import UNDECIDED, Check, Flaw, Severity, Undecided
from deploy.checks.holes import UNNAMED, has_hole, may_be_equal
from deploy.checks.model import Task


def _find(task: Task) -> Iterator[Flaw | Undecided]:
    own, other = task.task_role, task.execution_role
    if own is None or other is None:
        return
    if own == other and UNNAMED not in own:
        yield Flaw("taskRoleArn and executionRoleArn are the same")
    elif (has_hole(own) or has_hole(other)) and may_be_equal(own, other):
        yield UNDECIDED


CHECK = Check(
    id="same-roles",
    title="Execution role and task role are the same",
    severity=Severity.MEDIUM,
    subject=Task,
    why="The program then has the rights to pull every image and read every secret that starting the task needs.",
    mend="Make a role for the program with what it needs, and name it as taskRoleArn.",
    references=("Checkov CKV_AWS_249",),
    reads=("taskRoleArn", "executionRoleArn"),
    find=_find,
)
