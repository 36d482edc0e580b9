"""A secret stands in the environment in plain."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Container
from deploy.checks.secret_values import reveals


def _find(container: Container) -> Iterator[Flaw]:
    for one in container.environment:
        reason = reveals(one.name, one.value or "")
        if reason is not None:
            yield Flaw(f"the variable {one.name} {reason}", one.path, one.name)


CHECK = Check(
    id="secret-in-environment",
    title="A secret stands in the environment in plain",
    severity=Severity.HIGH,
    subject=Container,
    why="Whoever may describe the task definition, or reads the template, has it.",
    mend="Put it into Secrets Manager and name it under secrets (a pod: valueFrom.secretKeyRef).",
    references=(
        "Security Hub ECS.8",
        "Prowler ecs_task_definitions_no_environment_secrets",
        "Prowler core_no_secrets_envs",
    ),
    reads=("environment",),
    find=_find,
)
