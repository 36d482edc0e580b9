"""Nothing keeps what the container writes."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Container


def _find(container: Container) -> Iterator[Flaw]:
    if container.logging is None:
        yield Flaw("it has no logConfiguration")


CHECK = Check(
    id="no-logging",
    title="Nothing keeps what the container writes",
    severity=Severity.MEDIUM,
    subject=Container,
    why="After a break-in or a crash there is nothing to read: on Fargate no host keeps the output.",
    mend="Give it a logConfiguration (awslogs, awsfirelens or splunk).",
    references=("Security Hub ECS.9", "Prowler ecs_task_definitions_logging_enabled"),
    reads=("logConfiguration",),
    find=_find,
)
