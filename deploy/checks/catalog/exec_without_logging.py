"""ECS Exec is on and its sessions are not logged."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import ExecLogs, Service


def _find(service: Service) -> Iterator[Flaw]:
    reason = _lost(service.exec_logs) if service.exec_enabled and service.exec_logs is not None else None
    if reason is not None:
        yield Flaw(f"enableExecuteCommand is on, and {reason}")


def _lost(logs: ExecLogs) -> str | None:
    """Why sessions are kept nowhere; else None."""
    if logs.logging == "NONE":
        return "the cluster logs no sessions"
    if logs.logging == "OVERRIDE" and not logs.destination:
        return "the cluster's logging is OVERRIDE without a log group or bucket"
    if logs.logging == "DEFAULT" and logs.drivers is not None and "awslogs" not in logs.drivers:
        return "sessions go where awslogs goes, which no container of the task has"
    return None


CHECK = Check(
    id="exec-without-logging",
    title="ECS Exec is on and its sessions are not logged",
    severity=Severity.MEDIUM,
    subject=Service,
    why="Whoever may call ExecuteCommand has a root shell, and nothing tells what was done in it.",
    mend="Set executeCommandConfiguration.logging of the cluster to OVERRIDE with a log group or bucket.",
    references=("Checkov CKV_AWS_223",),
    reads=("enableExecuteCommand", "cluster", "taskDefinition"),
    find=_find,
)
