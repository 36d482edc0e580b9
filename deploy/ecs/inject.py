"""Puts the sensor into a definition, or brings it up to date there."""

import re
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import Any, NamedTuple

from deploy.documents.shared import WRITTEN_OUT
from deploy.ecs.definition import Definition, name_of
from deploy.ecs.effects import effects
from deploy.ecs.fields import Fields, is_intrinsic, text
from deploy.ecs.logs import log_configuration, unblock
from deploy.ecs.obstacles import obstacles
from deploy.ecs.ordering import disorder, order
from deploy.ecs.probes import handed_over, probes
from deploy.ecs.record import LABEL, Record, parse
from deploy.ecs.resize import resize, size_of
from deploy.ecs.sensor_container import CHANGED, FILLED_IN, token_secret, update, variables_of
from deploy.ecs.wishes import Wishes
from deploy.sidecar import destinations
from deploy.sidecar import ecs as written
from deploy.sidecar.specification import NAME, STOP_DEADLINE, VOLUME, Sidecar
from deploy.sidecar.variables import PROBES, TOKEN
from deploy.told import Told, note, warning
from sensor.model.errors import SensorError

SHARED = (
    "the containers share their processes from now on: each sees the others', and as the same user their environments; "
    "ECS Exec, where it is used, reaches only one of the containers"
)

_ECR = re.compile(r"^\d{12}\.dkr[.-]ecr")


class CannotInject(SensorError):
    """All that stands in the way, a line each; the definition is as it was."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


def missing(definition: Definition, wishes: Wishes) -> str | None:
    """The option without which there is nothing to write; None where all is said, now or by an earlier injection."""
    sensor = definition.sensor
    if wishes.image is None and (sensor is None or not sensor.get("image")):
        return "--image"
    if sensor is not None and sensor.get("environmentFiles"):
        return None  # they may say it
    before = variables_of(sensor)
    said = {name: before[name] for name in before if not (wishes.destinations and name in destinations.VARIABLES)}
    said |= destinations.environment(wishes.destinations) | dict(wishes.variables)
    if not destinations.named(said):
        return "--ingest-url or --destination"
    return next((f"--env {name}" for name in destinations.lacking(said)), None)


def inject(definition: Definition, wishes: Wishes) -> list[Told]:
    """Change the definition in place. Raises `CannotInject` before anything is changed.

    `missing` must have said None.
    """
    if reasons := list(obstacles(definition)):
        raise CannotInject(reasons)
    written_out = definition.shared.written_out
    definition.own()
    sensor = definition.sensor
    before = _record(definition)
    depends_on = before.depends_on if wishes.depends_on is None else wishes.depends_on
    spool = _spool(sensor, wishes)
    if spool and not _can_have_volume(definition):
        told, spool = [warning("volumes is not written out: there is no spool, and events wait in memory only")], False
    else:
        told = []
    was, more = resize(definition, allowed=wishes.allow_resize)
    changes = _Changes(dict(was), [], _resized(definition) if was else before.resized)
    told += more + _task(definition, changes, spool=spool)
    empty = before.empty or {name_of(c): copy(c.get("dependsOn")) for c in definition.apps if _is_empty(c)}
    told += _sensor(definition, wishes, before.probes, spool=spool)
    told += _starts(definition, empty, depends_on=depends_on)
    record = changes.after(before, empty, depends_on=depends_on)
    _label(definition, replace(record, probes=handed_over(definition)))
    told += [note(WRITTEN_OUT)] if definition.shared.written_out > written_out else []
    return [*told, *_task_role(definition), *_execution_role(definition), *effects(definition)]


def _record(definition: Definition) -> Record:
    sensor = definition.sensor
    labels = sensor.get("dockerLabels") if sensor is not None else None
    found = (parse(labels.get(LABEL)) if isinstance(labels, dict) else None) or Record()
    return found.for_size(_resized(definition))


def _resized(definition: Definition) -> Mapping[str, int | None]:
    return size_of(definition.task) if definition.task is not None else {}


def _spool(sensor: Fields | None, wishes: Wishes) -> bool:
    if wishes.spool is not None or sensor is None:
        return wishes.spool is not False
    return any(text(mount.get("sourceVolume")) == VOLUME for mount in sensor.parts("mountPoints"))


class _Changes(NamedTuple):
    """What this injection has changed of the task: fields as they were, fields that were not there, and its size."""

    was: dict[str, Any]
    added: list[str]
    resized: Mapping[str, int | None]

    def keep(self, task: Fields, name: str) -> None:
        """Remember a field before it is changed."""
        if task.has(name):
            self.was[name] = task.get(name)
        else:
            self.added.append(name)

    def after(self, before: Record, empty: Mapping[str, Any], *, depends_on: bool) -> Record:
        """The record with these changes. What an earlier injection has found is what was before the sensor."""
        was = {name: value for name, value in self.was.items() if name not in before.added}
        added = [name for name in self.added if name not in before.added and name not in before.was]
        return Record({**was, **before.was}, (*before.added, *added), empty, self.resized, depends_on)


def _is_empty(container: Fields) -> bool:
    return container.has("dependsOn") and container.get("dependsOn") in ([], None)


def _can_have_volume(definition: Definition) -> bool:
    volumes = definition.task_get("volumes")
    return volumes is None or (isinstance(volumes, list) and not is_intrinsic(volumes))


def _task(definition: Definition, changes: _Changes, *, spool: bool) -> list[Told]:
    """The shared PID namespace and the spool's volume."""
    task = definition.task
    if task is None:
        volume = f' and volume {{ name = "{VOLUME}" }}' if spool else ""
        return [note(f'these are containers only: the task around them needs pid_mode = "task"{volume}')]
    told = []
    pid_mode = task.get("pidMode")
    if is_intrinsic(pid_mode):
        told.append(warning("pidMode is computed by the template; without task the sensor sees only itself"))
    elif pid_mode != "task":
        changes.keep(task, "pidMode")
        task.put_before("pidMode", "task", "containerDefinitions")
        told.append(note(SHARED))
    if spool:
        _volume(definition, task, changes)
    else:
        remove_volume(definition)
    return told


def _volume(definition: Definition, task: Fields, changes: _Changes) -> None:
    if any(text(one.get("name")) == VOLUME for one in task.parts("volumes")):
        return
    if isinstance(task.get("volumes"), list):
        definition.own_value(task, "volumes").append(task.manner.spelled(written.volume()))
    else:
        changes.keep(task, "volumes")
        task.put_before("volumes", [written.volume()], "containerDefinitions")


def remove_volume(definition: Definition) -> None:
    """Take the spool's volume away, and leave the list, be it empty."""
    task = definition.task
    if task is None or not any(text(one.get("name")) == VOLUME for one in task.parts("volumes")):
        return
    listed = definition.own_value(task, "volumes")
    for index in reversed([i for i, one in enumerate(listed) if text(Fields(one, task.manner).get("name")) == VOLUME]):
        del listed[index]


def _starts(definition: Definition, empty: Mapping[str, Any], *, depends_on: bool) -> list[Told]:
    if depends_on:
        return order(definition)
    disorder(definition, empty)
    return [note("the app's containers do not wait for the sensor: what they do first may go unseen")]


def _sensor(definition: Definition, wishes: Wishes, handed: str, *, spool: bool) -> list[Told]:
    commands, told = probes(definition, handed)
    environment = destinations.environment(wishes.destinations) | ({PROBES: commands} if commands else {})
    sensor = definition.sensor
    before = variables_of(sensor)
    kept = {name: before[name] for name in (STOP_DEADLINE,) if before.get(name, FILLED_IN) != FILLED_IN}
    environment |= kept | dict(wishes.variables)
    image = wishes.image or text(sensor.get("image") if sensor is not None else None) or ""
    wanted = written.container(Sidecar(image, environment, spool))
    if sensor is None:
        definition.append(wanted)
        sensor = definition.containers[-1]
        told += _log(definition, sensor)
    else:
        sensor = definition.own_container(sensor)
        for name in filter(sensor.has, CHANGED):
            definition.shared.own_all(sensor.raw, sensor.manner.key(name))
        told += update(sensor, wanted, wishes)
    if wishes.token_secret is not None:
        token_secret(sensor, wishes.token_secret)
    if any(text(entry.get("name")) == TOKEN for entry in sensor.parts("secrets")):
        told.append(
            warning(
                f"{TOKEN} is a secret that ECS fetches: where it cannot, no container starts; a task role needs none"
            )
        )
    return told


def _log(definition: Definition, sensor: Fields) -> list[Told]:
    found = log_configuration(definition)
    if found is None:
        return [warning(f"no container has a logConfiguration, so {NAME} has none: nobody will see what it says")]
    sensor.put_as_written("logConfiguration", found)
    return unblock(sensor)


def _label(definition: Definition, record: Record) -> None:
    sensor = definition.sensor
    if sensor is None:
        return
    labels = sensor.get("dockerLabels")
    if not isinstance(labels, dict):
        sensor.put("dockerLabels", {LABEL: record.written()})
    elif labels.get(LABEL) != record.written():
        labels[LABEL] = definition.manner.node(record.written())


def _task_role(definition: Definition) -> list[Told]:
    """What the destinations need of the task's role, as far as the document shows it."""
    sensor, task = definition.sensor, definition.task
    if sensor is None or task is None or task.get("taskRoleArn"):
        return []
    names = destinations.named(variables_of(sensor))
    needs = [f"{one} needs {destinations.PERMISSIONS[one]}" for one in names if one in destinations.PERMISSIONS]
    has_token = any(text(entry.get("name")) == TOKEN for entry in sensor.parts("secrets"))
    if destinations.INGEST in names and not has_token:
        needs.append("the sensor logs in to the ingest with the task's role, unless --token-secret is given")
    return [warning(f"the task has no taskRoleArn: {'; '.join(needs)}")] if needs else []


def _execution_role(definition: Definition) -> list[Told]:
    """What RegisterTaskDefinition refuses for Fargate in a task that had no need of this role before."""
    sensor, task = definition.sensor, definition.task
    if sensor is None or task is None or task.get("executionRoleArn"):
        return []
    refused = ["image from ECR"] if _ECR.search(text(sensor.get("image")) or "") else []
    refused += ["secrets"] if sensor.get("secrets") else []
    return (
        [warning(f"the task has no executionRoleArn: ECS takes no {' and no '.join(refused)} then")] if refused else []
    )
