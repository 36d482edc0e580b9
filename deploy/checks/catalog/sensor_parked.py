"""The sensor would park: what its environment says is no setting of its own."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Container, Task
from deploy.checks.sensor_shape import sensor_of
from deploy.sidecar import destinations
from deploy.sidecar.variables import is_name, mistake

UNSHOWN = "${}"
"""In place of a value that the document does not show."""


def _find(task: Task) -> Iterator[Flaw]:
    sensor = sensor_of(task)
    if sensor is None:
        return
    for one in sensor.environment:
        if is_name(one.name) and (wrong := mistake(one.name, one.value or "")):
            yield Flaw(wrong, one.path, one.name)
    if sensor.elsewhere is not None:
        yield from _lacking(sensor, sensor.elsewhere)


def _lacking(sensor: Container, elsewhere: frozenset[str]) -> Iterator[Flaw]:
    """What no image has by itself: a destination was named, and not which one of its kind."""
    said = dict.fromkeys(elsewhere, UNSHOWN) | {
        one.name: UNSHOWN if one.value is None else one.value for one in sensor.environment
    }
    for one in sensor.environment:
        if one.name == destinations.CHOICE:
            for name in destinations.lacking(said):
                yield Flaw(f"{name} is not set, and a destination in {destinations.CHOICE} needs it", one.path, name)


CHECK = Check(
    id="sensor-parked",
    title="The sensor collects nothing",
    severity=Severity.HIGH,
    subject=Task,
    why="With a variable that is no setting, has no value for it, or is missing, it says so and waits: nobody watches.",
    mend="Set the name and the value as docs/configuration.md has it; `fargate-sensor inject` refuses both.",
    references=(),
    reads=("containerDefinitions",),
    find=_find,
)
