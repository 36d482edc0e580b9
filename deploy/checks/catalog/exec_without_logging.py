"""ECS Exec is on and its sessions are not logged."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Service


def _find(service: Service) -> Iterator[Flaw]:
    if service.exec_enabled and service.exec_logging == "NONE":
        yield Flaw("enableExecuteCommand is on, and the cluster logs no sessions")


CHECK = Check(
    id="exec-without-logging",
    title="ECS Exec is on and its sessions are not logged",
    severity=Severity.MEDIUM,
    subject=Service,
    why="Whoever may call ExecuteCommand has a root shell, and nothing tells what was done in it.",
    mend="Set executeCommandConfiguration.logging of the cluster to OVERRIDE with a log group or bucket.",
    references=("Checkov CKV_AWS_223",),
    reads=("enableExecuteCommand", "cluster"),
    find=_find,
)
