"""A pod has hardly any time to stop in."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Task

SHORTEST = 10
"""Seconds."""


def _find(task: Task) -> Iterator[Flaw]:
    if task.pod and task.stop_timeout is not None and task.stop_timeout < SHORTEST:
        yield Flaw(f"terminationGracePeriodSeconds is {task.stop_timeout}")


CHECK = Check(
    id="pod-stop-timeout",
    title="A pod has hardly any time to stop in",
    severity=Severity.LOW,
    subject=Task,
    why="SIGKILL follows SIGTERM after this time, whatever is still being written.",
    mend="Set terminationGracePeriodSeconds to what an orderly stop takes; the default is 30.",
    references=(),
    reads=("stopTimeout",),
    find=_find,
)
