"""What Kubernetes lets the sensor be in this pod: root, which sees all, or the app's own user, and what that costs."""

from sensor.containers.platform import EKS_FARGATE, KUBERNETES
from sensor.doctor.check import Check, degraded, ok

NAME = "pod security"
MEND = "where Pod Security allows root: inject with --security root, or the annotation fargate-sensor/security: root"


def check(platform: str, uid: int, capabilities: frozenset[str]) -> Check | None:
    """None outside Kubernetes. `uid` is our own, `capabilities` are the effective ones by name."""
    if platform not in (EKS_FARGATE, KUBERNETES):
        return None
    if uid == 0:
        return ok(NAME, "root: processes of other users are seen through helpers")
    costs = "of processes that run as other users only command lines are seen: not their programs, directories and "
    costs += "files, nor which connections are theirs"
    if "NET_RAW" not in capabilities:
        costs += "; no DNS queries and no first packets of connections are seen (no NET_RAW)"
    return degraded(NAME, f"same-uid: the sensor runs as uid {uid} and not as root: {costs}", MEND)
