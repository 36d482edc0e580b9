"""Fields that Fargate does not take."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Task


def _find(task: Task) -> Iterator[Flaw]:
    if not task.fargate:
        return
    for name in task.rejected:
        yield Flaw(f"Fargate does not take {name}", key=name)
    for container in task.containers:
        for name in container.rejected:
            yield Flaw(f"container {container.name}: Fargate does not take {name}", container.path, name)


CHECK = Check(
    id="fargate-rejects",
    title="Fields that Fargate does not take",
    severity=Severity.HIGH,
    subject=Task,
    why="The definition cannot be registered, or its tasks and pods never start.",
    mend="Take them out.",
    references=(),
    reads=("requiresCompatibilities", "containerDefinitions"),
    find=_find,
)
