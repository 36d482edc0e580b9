"""Who starts after whom: the app's containers after the sensor, so that they also stop before it."""

from collections.abc import Mapping
from typing import Any

from deploy.ecs.definition import Definition, name_of, reference
from deploy.ecs.fields import Fields, is_intrinsic, text
from deploy.sidecar.specification import NAME
from deploy.told import Told, note, warning

ENDED = frozenset({"SUCCESS", "COMPLETE"})


def order(definition: Definition) -> list[Told]:
    """Let every container that may wait for the sensor do so. What does not is told."""
    ends, before = must_end(definition), needed_by_sensor(definition)
    told = [
        warning(f"container {number} is computed by the template: it does not wait for {NAME}")
        for number, one in enumerate(definition.raw_containers, 1)
        if is_intrinsic(one)
    ]
    for container in definition.apps:
        name = name_of(container)
        if sensor_entries(container):
            told += _as_the_user_chose(container)
        elif name in ends:
            told.append(note(f"{name} is left to start when it likes: others wait for its end"))
        elif name in before:
            told.append(note(f"{name} is left to start before the sensor"))
        elif not _is_written_out(container.get("dependsOn")):
            told.append(warning(f"{name}: dependsOn is no list that is written out, so {NAME} is not put into it"))
        else:
            _wait(definition, definition.own_container(container))
    return told


def _is_written_out(listed: object) -> bool:
    return listed is None or (isinstance(listed, list) and not is_intrinsic(listed))


def _wait(definition: Definition, container: Fields) -> None:
    entry = {"containerName": NAME, "condition": "START"}
    listed = definition.own_value(container, "dependsOn")
    if isinstance(listed, list):
        listed.append(container.manner.spelled(entry))
    else:
        container.put("dependsOn", [entry])


def _as_the_user_chose(container: Fields) -> list[Told]:
    conditions = {text(entry.get("condition")) for entry in sensor_entries(container)}
    if conditions == {"START"}:
        return []
    return [
        warning(
            f"{name_of(container)} waits until {NAME} is {' and '.join(sorted(c or '?' for c in conditions))}: "
            "it does not start where the sensor cannot; START would do"
        )
    ]


def disorder(definition: Definition, empty: Mapping[str, Any]) -> None:
    """Take every wait for the sensor away. `empty` has what an empty list was before, by container; else it goes."""
    for waiting in filter(sensor_entries, definition.apps):
        container = definition.own_container(waiting)
        listed = definition.own_value(container, "dependsOn")
        entries = [entry.raw for entry in sensor_entries(container)]
        for index in reversed([i for i, one in enumerate(listed) if any(one is entry for entry in entries)]):
            del listed[index]
        if not listed and name_of(container) not in empty:
            container.drop("dependsOn")
        elif not listed and empty[name_of(container)] is None:
            container.put("dependsOn", None)


def sensor_entries(container: Fields) -> list[Fields]:
    """The entries of `dependsOn` that name the sensor."""
    return [entry for entry in container.parts("dependsOn") if text(entry.get("containerName")) == NAME]


def must_end(definition: Definition) -> set[str]:
    """Containers whose end others wait for: they prepare something, and are over when the app starts."""
    return {
        reference(entry.get("containerName"))
        for container in definition.containers
        for entry in container.parts("dependsOn")
        if (text(entry.get("condition")) or "").upper() in ENDED
    }


def needed_by_sensor(definition: Definition) -> set[str]:
    """Containers that start before the sensor, because it waits for them or sends its log to them.

    A log router is one of them: ECS starts it first unless it waits for others itself (addFirelensContainerDependency
    in the ECS agent), and what it routes would be lost.
    """
    sensor = definition.sensor
    by_name = {name_of(container): container for container in definition.containers}
    waiting = [sensor] if sensor is not None else []
    routers = [c for c in definition.apps if c.get("firelensConfiguration") is not None]
    waiting += [router for router in routers if not router.parts("dependsOn")]
    found = {name_of(router) for router in routers}
    while waiting:
        container = waiting.pop()
        for name in _waits_for(container) - found:
            found.add(name)
            waiting += [by_name[name]] if name in by_name else []
    return found


def _waits_for(container: Fields) -> set[str]:
    depends = {reference(entry.get("containerName")) for entry in container.parts("dependsOn")}
    volumes = {reference(entry.get("sourceContainer")) for entry in container.parts("volumesFrom")}
    return depends | volumes
