"""The sensor's container: everything that a task definition, a pod and the documents repeat is taken from here.

Only what is common stands here. How ECS writes it is `deploy.sidecar.ecs`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

NAME = "fargate-sensor"
"""Of the container. It also tells an injected container from all others."""

VOLUME = "fargate-sensor-spool"
SPOOL_DIR = "/var/lib/fargate-sensor/spool"
"""Where the volume is mounted, and what `SENSOR_SPOOL_DIR` says."""

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
    stop_timeout_s: int = 30
    """From SIGTERM to SIGKILL; longer than `SENSOR_STOP_DEADLINE`, which is 25 unless it is set."""
    restart_after_s: int = 60
    """A sensor that has run for this long is started again when it ends; ECS takes 60 to 1800."""
    health_check: HealthCheck = HealthCheck()


def is_sensor_image(image: str) -> bool:
    """Whether the name of an image says that the sensor is in it."""
    return repository(image).startswith(NAME)


def repository(image: str) -> str:
    """`fargate-sensor` of `123456789012.dkr.ecr.eu-central-1.amazonaws.com/security/fargate-sensor:0.1.0@sha256:…`."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]
