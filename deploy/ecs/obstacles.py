"""What makes injection impossible, a line for each. Nothing is changed where there is one."""

from collections.abc import Iterator

from deploy.ecs.definition import Definition, name_of
from deploy.ecs.fields import Fields, is_intrinsic, text, truth
from deploy.ecs.ordering import sensor_entries
from deploy.fargate import NOT_TAKEN, NOT_TAKEN_LINUX
from deploy.sidecar.specification import NAME, VOLUME, repository

MOST_CONTAINERS = 10
"""In one task definition ("Amazon ECS service quotas")."""


def obstacles(definition: Definition) -> Iterator[str]:
    """All of them."""
    yield from _task(definition)
    yield from _volumes(definition)
    for container in definition.apps:
        yield from _container(container)
    yield from _crowd(definition)
    yield from _sensors(definition)


def _task(definition: Definition) -> Iterator[str]:
    task = definition.task
    if task is None:
        return
    pid_mode = text(task.get("pidMode"))
    if pid_mode not in (None, "", "task"):
        yield f"pidMode is {pid_mode}: Fargate takes only task, in which the sensor sees the others"
    family = text(task.get("runtimePlatform", "operatingSystemFamily")) or ""
    if family.upper().startswith("WINDOWS"):
        yield f"operatingSystemFamily is {family}: the sensor is for Linux"
    needs = task.get("requiresCompatibilities")
    if (
        isinstance(needs, list)
        and needs
        and not is_intrinsic(needs)
        and all(map(text, needs))
        and "FARGATE" not in needs
    ):
        yield f"requiresCompatibilities is {', '.join(map(str, needs))}, without FARGATE"
    network = text(task.get("networkMode"))
    if network not in (None, "", "awsvpc"):
        yield f"networkMode is {network}: Fargate takes only awsvpc"
    if text(task.get("ipcMode")):
        yield "ipcMode is not for Fargate"
    if isinstance(task.get("placementConstraints"), list) and task.get("placementConstraints"):
        yield "placementConstraints are not for Fargate"


def _volumes(definition: Definition) -> Iterator[str]:
    if definition.task is None:
        return
    for volume in definition.task.parts("volumes"):
        for path in (("host", "sourcePath"), ("dockerVolumeConfiguration",)):
            if volume.get(*path):
                yield f"volume {text(volume.get('name')) or '?'}: {'.'.join(path)} is not for Fargate"


def _container(container: Fields) -> Iterator[str]:
    name = name_of(container)
    for field in ("privileged", *NOT_TAKEN):
        value = container.get(field)
        if truth(value) or (not isinstance(value, bool | str) and value):
            yield f"{name}: {field} is not for Fargate"
    for field in NOT_TAKEN_LINUX:
        if container.get("linuxParameters", field):
            yield f"{name}: linuxParameters.{field} is not for Fargate"
    for requirement in container.parts("resourceRequirements"):
        if (text(requirement.get("type")) or "").upper() == "GPU":
            yield f"{name}: a GPU is not for Fargate"


def _crowd(definition: Definition) -> Iterator[str]:
    others = len(definition.raw_containers) - (definition.sensor is not None)
    if others >= MOST_CONTAINERS:
        yield f"there are {others} containers already, and ECS takes {MOST_CONTAINERS} in a task, the sensor included"
    names = [name_of(container) for container in definition.containers]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{names.count(name)} containers are called {name}"


def _sensors(definition: Definition) -> Iterator[str]:
    for container in definition.apps:
        if repository(text(container.get("image")) or "") == NAME:
            yield f"{name_of(container)} runs the sensor already; call it {NAME} to have it updated, or remove it"
        if definition.sensor is None and sensor_entries(container):
            yield f"{name_of(container)} depends on {NAME}, which is not there"
    if definition.sensor is None and _has_own_volume(definition):
        yield f"there is a volume {VOLUME} but no sensor; remove or rename it"


def _has_own_volume(definition: Definition) -> bool:
    volumes = definition.task.parts("volumes") if definition.task is not None else []
    return any(text(volume.get("name")) == VOLUME for volume in volumes)
