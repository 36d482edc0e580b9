"""No runtime sensor."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Task
from deploy.checks.sensor_shape import is_agent, is_centre, sensor_of


def _find(task: Task) -> Iterator[Flaw]:
    if task.windows:  # The sensor is for Linux.
        return
    if sensor_of(task) is not None or any(is_agent(one) or is_centre(one) for one in task.containers):
        return
    if task.containers:
        yield Flaw("no container is a sensor")


CHECK = Check(
    id="no-sensor",
    title="No runtime sensor",
    severity=Severity.LOW,
    subject=Task,
    why="Nobody sees what runs in it: there is no host to look from.",
    mend="Add the sensor as a sidecar.",
    references=(),
    reads=("containerDefinitions",),
    find=_find,
)
