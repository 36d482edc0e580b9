"""A namespace is shared with the host."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Task


def _find(task: Task) -> Iterator[Flaw]:
    for name in task.host:
        yield Flaw(f"{name} is the host's", key=name)


CHECK = Check(
    id="host-namespace",
    title="A namespace is shared with the host",
    severity=Severity.HIGH,
    subject=Task,
    why="It sees, or reaches, what belongs to the host and to its other tasks. Fargate refuses it.",
    mend="Take it out; on Fargate pidMode may only be task.",
    references=(
        "Checkov CKV_AWS_335",
        "Checkov CKV_K8S_17",
        "Checkov CKV_K8S_18",
        "Checkov CKV_K8S_19",
        "Security Hub ECS.3",
        "Security Hub ECS.17",
        "CIS Kubernetes 1.10 5.2.3",
    ),
    reads=("pidMode", "ipcMode", "networkMode"),
    find=_find,
)
