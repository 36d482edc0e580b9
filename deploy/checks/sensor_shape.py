"""What our own sidecar looks like, by the specification that injection writes."""

from deploy.checks.model import Container, Task
from deploy.sidecar.specification import NAME, Sidecar, is_sensor_image, repository

CAPABILITIES = frozenset(Sidecar(image=NAME).capabilities)

AGENTS = frozenset(
    {
        "fargate-sensor",
        "datadog/agent",
        "datadoghq/agent",
        "datadog-agent",
        "sysdig/workload-agent",
        "falco",
        "falco-no-driver",
        "aws-guardduty-agent-fargate",
        "falcon-sensor",
        "falcon-container",
        "microenforcer",
        "twistlock/defender",
        "wiz-sensor",
        "lacework/datacollector",
    }
)
"""Repositories of the images of sensors, by their last component, or two where one says too little.

They read other processes, which is what SYS_PTRACE is for.
"""


CENTRE = f"{NAME}-ingest"
"""The repository of the image of the ingest, in which the webhook runs too."""


def is_ours(container: Container) -> bool:
    """Name, image and rights of the sidecar; one that only bears its name is judged like any other container."""
    return (
        container.name == NAME
        and is_sensor_image(container.image or "")
        and container.read_only_root
        and not container.privileged
        and CAPABILITIES.issuperset(container.added)
    )


def sensor_of(task: Task) -> Container | None:
    """The container of the task that is the sensor, in whatever shape."""
    return next((one for one in task.containers if one.name == NAME), None)


def is_agent(container: Container) -> bool:
    """Whether the image is that of a sensor, ours or another's."""
    image = (container.image or "").partition("@")[0].lower()
    parent = image.rpartition("/")[0].rpartition("/")[2]
    last = repository(image)
    return last in AGENTS or f"{parent}/{last}" in AGENTS


def is_centre(container: Container) -> bool:
    """Whether the image is that of the sensors' own far end, which no sensor has to watch."""
    return repository(container.image or "") == CENTRE
