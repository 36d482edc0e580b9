"""What ECS refuses in a definition for Fargate: what it has no use for there, and values beyond what Fargate has.

Sources: RegisterTaskDefinition in the API reference, and "Task definition differences for Fargate" in the developer
guide. What `host` shares has a check of its own.
"""

from collections.abc import Iterator

from deploy.checks.section import Section
from deploy.fargate import EPHEMERAL_GIB, LOG_DRIVERS, NETWORK_MODE, NOT_TAKEN, NOT_TAKEN_LINUX, STOP_TIMEOUT

LOOKED_AT = frozenset(
    {"volumes", "placementConstraints", "networkMode", "ipcMode", "ephemeralStorage", "linuxParameters"}
    | {"resourceRequirements", "logConfiguration", "stopTimeout", "portMappings"}.union(NOT_TAKEN)
)
"""Of a task definition and of its containers; what of it is unknown leaves open whether Fargate takes it."""


def of_task(section: Section) -> Iterator[str]:
    """In a task definition beside its containers, each by its name."""
    for volume in section.sections("volumes"):
        name = volume.text("name") or "?"
        if volume.raw("dockerVolumeConfiguration"):
            yield f"dockerVolumeConfiguration of the volume {name}"
        if volume.section("host").text("sourcePath") or volume.text("hostPath"):
            yield f"host.sourcePath of the volume {name}"
    if section.raw("placementConstraints"):
        yield "placementConstraints"
    if (section.decided("networkMode") or _default(section)) not in (NETWORK_MODE, "host"):
        yield f"a networkMode other than {NETWORK_MODE}; where none is named it is bridge"
    if section.decided("ipcMode") not in (None, "", "host"):
        yield "ipcMode"
    size = section.section("ephemeralStorage").number("sizeInGiB")
    if size is not None and size not in EPHEMERAL_GIB:
        yield f"ephemeralStorage outside {EPHEMERAL_GIB[0]} to {EPHEMERAL_GIB[-1]} GiB"


def of_container(section: Section) -> Iterator[str]:
    """In a container definition, each by its name."""
    yield from (key for key in NOT_TAKEN if section.raw(key))
    linux = section.section("linuxParameters")
    yield from (f"linuxParameters.{key}" for key in NOT_TAKEN_LINUX if linux.raw(key))
    if any(one.decided("type") == "GPU" for one in section.sections("resourceRequirements")):
        yield "resourceRequirements of type GPU"
    driver = section.section("logConfiguration").decided("logDriver")
    if driver is not None and driver not in LOG_DRIVERS:
        yield f"a logDriver other than {', '.join(LOG_DRIVERS)}"
    timeout = section.number("stopTimeout")
    if timeout is not None and timeout not in STOP_TIMEOUT:
        yield f"a stopTimeout outside {STOP_TIMEOUT[0]} to {STOP_TIMEOUT[-1]} seconds"
    if any(map(_maps, section.sections("portMappings"))):
        yield "a hostPort other than its containerPort"


def _default(section: Section) -> str:
    """The network mode where none is written, or where only the deployment knows it: then it is not held against it."""
    return NETWORK_MODE if "networkMode" in section.reading.unknown else "bridge"


def _maps(port: Section) -> bool:
    """Whether a port is mapped to another; 0 is none."""
    host, own = port.number("hostPort"), port.number("containerPort")
    return bool(host) and own is not None and host != own
