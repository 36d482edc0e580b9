"""What EKS Fargate has provisioned for a pod, from its annotation `CapacityProvisioned`: `0.25vCPU 0.5GB`.

No cgroup that a container can see says it, and the machine shows more cores than the pod may use (Amazon EKS User
Guide, "Understand Fargate Pod configuration details").
"""

import logging
import re
from typing import NamedTuple

GIB = 1 << 30

_CAPACITY = r"(\d{1,4}(?:\.\d{1,3})?)vCPU (\d{1,5}(?:\.\d{1,3})?)GB"
"""Compiled where it is used: most tasks are no pods, and a start is short."""

log = logging.getLogger("sensor.containers")


class PodCapacity(NamedTuple):
    """For the whole pod, and Kubernetes' own parts with it; None for what is not known."""

    cores: float | None = None
    memory_bytes: int | None = None


def parse(text: str) -> PodCapacity:
    """Neither is known where the text is anything else, which is logged."""
    found = re.fullmatch(_CAPACITY, text, re.ASCII)
    capacity = PodCapacity(float(found[1]), int(float(found[2]) * GIB)) if found else PodCapacity()
    if all(capacity):
        return capacity
    log.warning("SENSOR_POD_CAPACITY: %.60r is no capacity such as '0.25vCPU 0.5GB': it is left out", text)
    return PodCapacity()
