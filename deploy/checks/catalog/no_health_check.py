"""Nothing tells whether the container works."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Container


def _find(container: Container) -> Iterator[Flaw]:
    if container.essential and not container.runs_first and not container.health_check:
        yield Flaw("it has no health check")


CHECK = Check(
    id="no-health-check",
    title="Nothing tells whether the container works",
    severity=Severity.LOW,
    subject=Container,
    why="A container that hangs stays in service until somebody notices. A load balancer's check cannot be seen here.",
    mend="Give it a healthCheck (a pod: a livenessProbe or readinessProbe).",
    references=("Checkov CKV_K8S_8", "Checkov CKV_K8S_9", "Prowler core_liveness_probe_configured"),
    reads=("healthCheck",),
    find=_find,
)
