"""The root file system can be written."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Container


def _find(container: Container) -> Iterator[Flaw]:
    if not container.read_only_root:
        yield Flaw("its root file system can be written")


CHECK = Check(
    id="writable-root",
    title="The root file system can be written",
    severity=Severity.MEDIUM,
    subject=Container,
    why="What breaks in can put its tools beside the program, or change it.",
    mend="Set readonlyRootFilesystem (a pod: readOnlyRootFilesystem), and mount a volume or tmpfs where it writes.",
    references=(
        "Checkov CKV_AWS_336",
        "Checkov CKV_K8S_22",
        "Security Hub ECS.5",
        "Prowler ecs_task_definitions_containers_readonly_access",
        "Prowler core_readonly_root_filesystem_enabled",
    ),
    reads=("readonlyRootFilesystem",),
    find=_find,
)
