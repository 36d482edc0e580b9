"""Execution role and task role are the same."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Task


def _find(task: Task) -> Iterator[Flaw]:
    if task.task_role is not None and task.task_role == task.execution_role:
        yield Flaw("taskRoleArn and executionRoleArn are the same")


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
