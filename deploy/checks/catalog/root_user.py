"""It may run as root."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Container

OF_WINDOWS = "containeradministrator"
"""What root is called there, where case counts for nothing."""


def _find(container: Container) -> Iterator[Flaw]:
    name = (container.user or "").partition(":")[0]
    if container.user is None and not container.non_root:
        yield Flaw("no user is named, so it is the image's, which is root unless the image says otherwise")
    elif name in ("root", "0") or name.lower() == OF_WINDOWS:
        yield Flaw("it runs as root")


CHECK = Check(
    id="root-user",
    title="It may run as root",
    severity=Severity.MEDIUM,
    subject=Container,
    why="Root, on Windows ContainerAdministrator, may do all that its capabilities allow, and owns every file in it.",
    mend="Name a user other than 0 (a pod: runAsNonRoot or runAsUser). The image's own cannot be seen here.",
    references=(
        "Security Hub ECS.20",
        "Security Hub ECS.21",
        "Checkov CKV_K8S_23",
        "Prowler core_minimize_root_containers_admission",
        "CIS Kubernetes 1.10 5.2.7",
    ),
    reads=("user",),
    find=_find,
)
