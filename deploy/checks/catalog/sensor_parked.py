"""The sensor would park: what its environment says is no setting of its own."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Task
from deploy.checks.sensor_shape import sensor_of
from deploy.sidecar.variables import is_name, mistake


def _find(task: Task) -> Iterator[Flaw]:
    sensor = sensor_of(task)
    for one in sensor.environment if sensor is not None else ():
        if is_name(one.name) and (wrong := mistake(one.name, one.value or "")):
            yield Flaw(wrong, one.path, one.name)


CHECK = Check(
    id="sensor-parked",
    title="The sensor collects nothing",
    severity=Severity.HIGH,
    subject=Task,
    why="With a variable that is no setting, or has no value for it, the sensor says so and waits: nobody watches.",
    mend="Correct the name or the value as docs/configuration.md has it; `fargate-sensor inject` refuses both.",
    references=(),
    reads=("containerDefinitions",),
    find=_find,
)
