"""What the ECS task metadata endpoint, version 4, says of the task: its JSON made into our types, or refused."""

import json
import re
from typing import Any, NamedTuple

from sensor.containers.platform import of_launch_type
from sensor.model.errors import SensorError
from sensor.model.events import Container, Task
from sensor.model.protocols import Declared

MOST_CONTAINERS = 64
TEXT_LIMIT = 512

_TASK_ARN = re.compile(r"arn:[\w-]+:ecs:([\w-]*):(\d*):task/.+", re.ASCII)


class MalformedMetadata(SensorError):
    """The endpoint's answer is none that we understand. The text says what is wrong with it."""


MOST_CORES = 1024
MOST_MEMORY_MIB = 1 << 24
MIB = 1024 * 1024

ON_ITS_WAY = frozenset({"NONE", "MANIFEST_PULLED", "PULLED", "CREATED", "RESOURCES_PROVISIONED"})
"""`KnownStatus` of a container that does not run yet; what is said of it may still change."""


MANAGED = ("aws-guardduty-agent-", "ecs-service-connect-")
"""What the names of containers begin with that AWS adds to a task."""


class TaskMetadata(NamedTuple):
    """The task, and its containers by the id that also stands in their cgroup paths."""

    task: Task
    containers: dict[str, Container]
    cores: float | None = None
    """How much CPU the whole task may use; no cgroup that a container can see says so."""
    memory_bytes: int | None = None
    """How much memory the whole task may use."""
    settled: bool = True
    """False while a container is on its way: its id or its image's digest come later."""
    declared: Declared = Declared()


def parse(raw: bytes) -> TaskMetadata:
    """The answer to `${ECS_CONTAINER_METADATA_URI_V4}/task`. Raises `MalformedMetadata`.

    Fields of an unexpected type count as missing; a container without an id is passed over.
    """
    try:
        plain = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise MalformedMetadata(f"no JSON: {error}"[:200]) from error
    if not isinstance(plain, dict):
        raise MalformedMetadata(f"expected an object, got {type(plain).__name__}")
    arn = _text(plain, "TaskARN")
    found = _TASK_ARN.fullmatch(arn or "")
    if found is None:
        raise MalformedMetadata(f"TaskARN: {arn!r} is no task's ARN")
    task = Task(
        platform=of_launch_type(_text(plain, "LaunchType")),
        account=found[2] or None,
        region=found[1] or None,
        cluster=(_text(plain, "Cluster") or "").rsplit("/", 1)[-1] or None,
        arn=arn,
        family=_text(plain, "Family"),
        revision=_text(plain, "Revision"),
        az=_text(plain, "AvailabilityZone"),
    )
    listed, limits = plain.get("Containers"), plain.get("Limits")
    containers = _containers(listed)
    declared = Declared(_ports(listed), frozenset(one.id for one in containers.values() if _is_managed(one)))
    return TaskMetadata(task, containers, _cores(limits), _memory(limits), _is_settled(listed), declared)


def _cores(limits: object) -> float | None:
    """`Limits.CPU` of the task, in vCPU."""
    cores = limits.get("CPU") if isinstance(limits, dict) else None
    if not isinstance(cores, (int, float)) or isinstance(cores, bool) or not 0 < cores <= MOST_CORES:
        return None
    return float(cores)


def _memory(limits: object) -> int | None:
    """`Limits.Memory` of the task, in MiB there."""
    memory = limits.get("Memory") if isinstance(limits, dict) else None
    if not isinstance(memory, int) or isinstance(memory, bool) or not 0 < memory <= MOST_MEMORY_MIB:
        return None
    return memory * MIB


def _containers(plain: object) -> dict[str, Container]:
    found = {}
    for one in plain[:MOST_CONTAINERS] if isinstance(plain, list) else []:
        container_id = _text(one, "DockerId") if isinstance(one, dict) else None
        if container_id:
            found[container_id] = Container(
                container_id, _text(one, "Name"), _text(one, "Image"), _text(one, "ImageID")
            )
    return found


def _is_managed(container: Container) -> bool:
    return container.name is not None and container.name.startswith(MANAGED)


def _ports(plain: object) -> frozenset[int] | None:
    """Of all containers: they share one network namespace. The field is left out where a container maps none, and for
    a range its entry has no `ContainerPort` (amazon-ecs-agent, PortResponse)."""
    listed = [one.get("Ports") for one in (plain if isinstance(plain, list) else []) if isinstance(one, dict)]
    mappings = [mapping for ports in listed if isinstance(ports, list) for mapping in ports]
    found = set()
    for mapping in mappings:
        port = mapping.get("ContainerPort") if isinstance(mapping, dict) else None
        if type(port) is not int or not 0 < port < 65_536:
            return None
        if mapping.get("Protocol") != "udp":
            found.add(port)
    return frozenset(found) if mappings else None


def _is_settled(plain: object) -> bool:
    """What is no container, or of no known status, is not waited for."""
    return not any(
        one.get("KnownStatus") in ON_ITS_WAY or not (_text(one, "DockerId") and _text(one, "ImageID"))
        for one in (plain[:MOST_CONTAINERS] if isinstance(plain, list) else [])
        if isinstance(one, dict) and isinstance(one.get("KnownStatus"), str)
    )


def _text(plain: dict[str, Any], key: str) -> str | None:
    """A text of bounded length and valid Unicode: JSON can carry lone surrogates, which no encoder of ours takes."""
    value = plain.get(key)
    if not isinstance(value, str) or not value:
        return None
    return value[:TEXT_LIMIT].encode("utf-8", "backslashreplace").decode("utf-8")
