"""A container is privileged."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Container


def _find(container: Container) -> Iterator[Flaw]:
    if container.privileged:
        yield Flaw("it is privileged")


CHECK = Check(
    id="privileged",
    title="A container is privileged",
    severity=Severity.CRITICAL,
    subject=Container,
    why="It has all rights of the host. Fargate refuses it.",
    mend="Take privileged out.",
    references=(
        "Checkov CKV_AWS_334",
        "Checkov CKV_K8S_16",
        "Security Hub ECS.4",
        "Prowler ecs_task_definitions_no_privileged_containers",
        "CIS Kubernetes 1.10 5.2.2",
    ),
    reads=("privileged",),
    find=_find,
)
