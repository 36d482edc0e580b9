"""An EFS volume is mounted without IAM."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Task


def _find(task: Task) -> Iterator[Flaw]:
    for mount in task.mounts:
        if not mount.iam:
            yield Flaw(f"the volume {mount.name} is mounted without IAM authorisation", mount.path, mount.name)


CHECK = Check(
    id="efs-without-iam",
    title="An EFS volume is mounted without IAM",
    severity=Severity.MEDIUM,
    subject=Task,
    why="Whatever reaches the mount target may mount it; the task role decides nothing.",
    mend="Set authorizationConfig.iam to ENABLED, and a policy on the file system.",
    references=(),
    reads=("volumes",),
    find=_find,
)
