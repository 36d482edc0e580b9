"""Takes the sensor out of a definition, and undoes all that was changed for it."""

from deploy.documents.shared import WRITTEN_OUT
from deploy.ecs.definition import Definition
from deploy.ecs.inject import remove_volume
from deploy.ecs.ordering import disorder, sensor_entries
from deploy.ecs.record import LABEL, Record, parse
from deploy.ecs.resize import size_of
from deploy.sidecar.specification import NAME
from deploy.told import Told, note

RESIZED = "cpu and memory stay as they are: the size is not the one that the sensor was given"
UNDONE = ("pidMode", "cpu", "memory", "volumes")


def remove(definition: Definition) -> list[Told]:
    """Change the definition in place, to what it was before it was injected."""
    sensor = definition.sensor
    if sensor is None:
        return [note(f"there is no {NAME} in it")]
    labels = sensor.get("dockerLabels")
    record = parse(labels.get(LABEL)) if isinstance(labels, dict) else None
    told = (
        [] if record is not None else [note(f"{NAME} has no record of what was before it: the rest of the task stays")]
    )
    record = record or Record()
    written_out = definition.shared.written_out
    definition.own()
    definition.remove_sensor()
    if any(sensor_entries(container) for container in definition.apps):
        disorder(definition, record.empty)
    told += _undo(definition, record)
    return [*told, note(WRITTEN_OUT)] if definition.shared.written_out > written_out else told


def _undo(definition: Definition, whole: Record) -> list[Told]:
    task = definition.task
    if task is None:
        return []
    record = whole.for_size(size_of(task))
    remove_volume(definition)
    changed = [name for name in UNDONE if name != "volumes" or not task.get("volumes")]
    for name in changed:
        if name in record.added:
            task.drop(name)
        elif name in record.was:
            task.put_as_written(name, task.manner.node(record.was[name]))
    return [note(RESIZED)] if record.was.keys() < whole.was.keys() else []
