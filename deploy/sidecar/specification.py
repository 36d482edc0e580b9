"""The sensor's container: everything that a task definition, a pod and the documents repeat is taken from here.

Only what is common stands here. How ECS writes it is `deploy.sidecar.ecs`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

NAME = "fargate-sensor"
"""Of the container. It also tells an injected container from all others."""

VOLUME = "fargate-sensor-spool"
SPOOL_DIR = "/var/lib/fargate-sensor/spool"
"""Where the volume is mounted, and what `SENSOR_SPOOL_DIR` says."""

STOP_DEADLINE = "SENSOR_STOP_DEADLINE"
MARGIN_S = 5
"""Between the end of the sensor's own stop and SIGKILL."""

MEMORY_MIB = 64
"""What the sensor may take in a storm. No limit is set: it is the first that the kernel ends when memory runs out."""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """When the platform asks `fargate-sensor health`, in seconds; `retries` failures in a row make it unhealthy."""

    command: tuple[str, ...] = ("fargate-sensor", "health")
    interval_s: int = 30
    timeout_s: int = 5
    retries: int = 3
    start_period_s: int = 10


@dataclass(frozen=True, slots=True)
class Sidecar:
    """One sensor container. `environment` holds `SENSOR_*` variables (docs/configuration.md), nothing secret.

    It is never essential, runs as root with a read-only root, and waits for nobody.
    """

    image: str
    environment: Mapping[str, str] = field(default_factory=dict)
    spool: bool = True
    command: tuple[str, ...] = ()
    """In place of the image's own, `run`."""
    capabilities: tuple[str, ...] = ("SYS_PTRACE",)
    """Added to the default ones: ECS on Fargate grants this one and no other, EKS on Fargate none."""
    user: str = "0"
    restart_after_s: int = 60
    """A sensor that has run for this long is started again when it ends; ECS takes 60 to 1800."""
    health_check: HealthCheck = HealthCheck()

    @property
    def stop_timeout_s(self) -> int:
        """From SIGTERM to SIGKILL: longer than the sensor's own stop, and no shorter than ECS's default."""
        return max(30, ceil(stop_deadline_s(self.environment)) + MARGIN_S)


def stop_deadline_s(environment: Mapping[str, str]) -> float:
    """What the sensor takes to stop at most; its default where the variable is not there or not known yet."""
    said = environment.get(STOP_DEADLINE, "").strip()
    return min(float(said), 110.0) if re.fullmatch(r"\d{1,9}(\.\d{0,9})?", said) else 25.0


def is_sensor_image(image: str) -> bool:
    """Whether the name of an image says that the sensor is in it."""
    return repository(image).startswith(NAME)


def repository(image: str) -> str:
    """`fargate-sensor` of `123456789012.dkr.ecr.eu-central-1.amazonaws.com/security/fargate-sensor:0.1.0@sha256:…`."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]
