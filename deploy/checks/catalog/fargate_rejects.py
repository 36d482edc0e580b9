"""What Fargate does not take."""

from collections.abc import Iterator

from deploy.checks.check import UNDECIDED, Check, Flaw, Severity, Undecided
from deploy.checks.model import Task
from deploy.checks.readers.ecs_rejected import LOOKED_AT


def _find(task: Task) -> Iterator[Flaw | Undecided]:
    if task.empty:
        yield Flaw("it has no container", key="containers")
    if not task.fargate:
        return
    for name in task.rejected:
        yield Flaw(f"Fargate does not take {name}", key=name)
    unknown = task.unknown.union(*(container.unknown for container in task.containers))
    if not LOOKED_AT.isdisjoint(name.partition(".")[0] for name in unknown):
        yield UNDECIDED
    for container in task.containers:
        for name in container.rejected:
            yield Flaw(f"container {container.name}: Fargate does not take {name}", container.path, name)


CHECK = Check(
    id="fargate-rejects",
    title="Fargate does not take it",
    severity=Severity.HIGH,
    subject=Task,
    why="The definition cannot be registered, or its tasks and pods never start.",
    mend="Take it out, or bring it within what Fargate has; give what has no container one.",
    references=("cfn-lint E3048", "cfn-lint E3053", "cfn-lint E3713"),
    reads=("requiresCompatibilities", "containerDefinitions"),
    find=_find,
)
