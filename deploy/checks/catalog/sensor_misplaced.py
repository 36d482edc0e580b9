"""The sensor does not see, or may stop, the application."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Container, Task
from deploy.checks.sensor_shape import LEAST_STOP_TIMEOUT, sensor_of


def _find(task: Task) -> Iterator[Flaw]:
    sensor = sensor_of(task)
    if sensor is None:
        return
    if not task.shared_pids:
        field = "shareProcessNamespace: true" if task.pod else "pidMode: task"
        yield Flaw(f"without {field} the sensor sees only itself", sensor.path, "pids")
    if not task.pod:
        yield from _in_ecs(sensor, task)


def _in_ecs(sensor: Container, task: Task) -> Iterator[Flaw]:
    if "essential" not in sensor.unknown and sensor.essential:
        yield Flaw("the sensor is essential: its end ends the task", sensor.path, "essential")
    if "stopTimeout" not in sensor.unknown and (sensor.stop_timeout or 0) < LEAST_STOP_TIMEOUT:
        yield Flaw(f"the sensor's stopTimeout is not {LEAST_STOP_TIMEOUT} s or more", sensor.path, "stop")
    for name, condition in sensor.depends_on:
        if condition in ("START", "HEALTHY"):
            yield Flaw(f"the sensor starts after {name} and misses its start", sensor.path, f"after {name}")
    for container in task.containers:
        if (sensor.name, "HEALTHY") in container.depends_on:
            text = f"container {container.name} does not start before the sensor is healthy"
            yield Flaw(text, container.path, f"healthy {container.name}")


CHECK = Check(
    id="sensor-misplaced",
    title="The sensor does not see, or may stop, the application",
    severity=Severity.MEDIUM,
    subject=Task,
    why="Alone in its PID namespace it sees only itself; started last it misses starts; essential, its end is theirs.",
    mend="Share the PID namespace, set essential to false, and let the others depend on its START.",
    references=(),
    reads=("containerDefinitions", "pidMode"),
    find=_find,
)
