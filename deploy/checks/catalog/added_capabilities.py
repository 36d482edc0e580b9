"""Capabilities are added."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Container


def _find(container: Container) -> Iterator[Flaw]:
    for name in container.added:
        if name.removeprefix("CAP_") != "SYS_PTRACE":
            yield Flaw(f"it adds {name}", key=name)


CHECK = Check(
    id="added-capabilities",
    title="Capabilities are added",
    severity=Severity.HIGH,
    subject=Container,
    why="Each is a right that a break-in inherits. On Fargate ECS takes none but SYS_PTRACE, and EKS takes none.",
    mend="Take them out of capabilities.add.",
    references=(
        "Checkov CKV_K8S_25",
        "Prowler core_minimize_containers_added_capabilities",
        "CIS Kubernetes 1.10 5.2.9",
    ),
    reads=("linuxParameters",),
    find=_find,
)
