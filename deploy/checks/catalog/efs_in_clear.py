"""An EFS volume is mounted without TLS."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Task


def _find(task: Task) -> Iterator[Flaw]:
    for mount in task.mounts:
        if not mount.encrypted:
            yield Flaw(f"the volume {mount.name} is mounted without transit encryption", mount.path, mount.name)


CHECK = Check(
    id="efs-in-clear",
    title="An EFS volume is mounted without TLS",
    severity=Severity.HIGH,
    subject=Task,
    why="Its files pass the network in clear.",
    mend="Set transitEncryption to ENABLED.",
    references=("Checkov CKV_AWS_97", "Security Hub ECS.18"),
    reads=("volumes",),
    find=_find,
)
