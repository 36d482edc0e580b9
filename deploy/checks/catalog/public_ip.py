"""The service gives its tasks public addresses."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Service


def _find(service: Service) -> Iterator[Flaw]:
    if service.public_ip:
        yield Flaw("assignPublicIp is on")


CHECK = Check(
    id="public-ip",
    title="The service gives its tasks public addresses",
    severity=Severity.HIGH,
    subject=Service,
    why="Every port that a security group leaves open is reached from the internet.",
    mend="Set assignPublicIp to DISABLED, and use a load balancer and NAT or VPC endpoints.",
    references=("Checkov CKV_AWS_333", "Security Hub ECS.2", "Prowler ecs_service_no_assign_public_ip"),
    reads=("networkConfiguration",),
    find=_find,
)
