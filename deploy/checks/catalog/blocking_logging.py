"""Logging can stop the container."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Container


def _find(container: Container) -> Iterator[Flaw]:
    if container.logging is not None and container.logging.mode == "blocking":
        yield Flaw("its log driver is set to mode blocking")


CHECK = Check(
    id="blocking-logging",
    title="Logging can stop the container",
    severity=Severity.LOW,
    subject=Container,
    why="With mode blocking the program stands still while the log driver cannot deliver.",
    mend="Set the option mode to non-blocking.",
    references=("Prowler ecs_task_definitions_logging_block_mode",),
    reads=("logConfiguration",),
    find=_find,
)
