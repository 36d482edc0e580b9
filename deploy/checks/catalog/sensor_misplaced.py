"""The sensor does not see, or may stop, the application."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Container, Task
from deploy.checks.sensor_shape import CAPABILITIES, sensor_of
from deploy.sidecar.specification import NAME, Sidecar


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
    least = Sidecar(NAME, {one.name: one.value or "" for one in sensor.environment}).stop_timeout_s
    if "stopTimeout" not in sensor.unknown and (sensor.stop_timeout or 0) < least:
        yield Flaw(f"the sensor's stopTimeout is not {least} s or more", sensor.path, "stop")
    known = not any(name.startswith("linuxParameters") for name in sensor.unknown)
    if known and not CAPABILITIES.issubset(name.removeprefix("CAP_") for name in sensor.added):
        wanted = " and ".join(sorted(CAPABILITIES))
        yield Flaw(f"without {wanted} the sensor reads little of the others", sensor.path, "capabilities")
    if (sensor.user or "0").partition(":")[0] not in ("0", "root"):
        yield Flaw(f"as the user {sensor.user} the sensor has no rights over other processes", sensor.path, "user")
    for name, condition in sensor.depends_on:
        if condition in ("START", "HEALTHY"):
            yield Flaw(f"the sensor starts after {name} and misses its start", sensor.path, f"after {name}")
    for container in task.containers:
        if (sensor.name, "HEALTHY") in container.depends_on:
            text = f"container {container.name} does not start before the sensor is healthy"
            yield Flaw(text, container.path, f"healthy {container.name}")
    yield from _unordered(sensor, task)


def _unordered(sensor: Container, task: Task) -> Iterator[Flaw]:
    """Containers that neither wait for the sensor, themselves or through others, nor have to be there before it."""
    if any(name.startswith(("dependsOn", "volumesFrom")) for one in task.containers for name in one.unknown):
        return
    waits = {one.name: {name for name, _ in one.depends_on}.union(one.volumes_from) for one in task.containers}
    before = _reached({sensor.name, *(one.name for one in task.containers if one.log_router)}, waits)
    ends = {name for one in task.containers for name, how in one.depends_on if how in ("SUCCESS", "COMPLETE")}
    after: dict[str, set[str]] = {}
    for name, others in waits.items():
        for other in others:
            after.setdefault(other, set()).add(name)
    ordered = before | ends | _reached({sensor.name}, after)
    for one in task.containers:
        if one.name not in ordered:
            text = f"container {one.name} may start before the sensor and stop after it"
            yield Flaw(text, one.path, f"unordered {one.name}")


def _reached(names: set[str], steps: dict[str, set[str]]) -> set[str]:
    """The names and all that the steps lead to from them."""
    found, ahead = set(names), list(names)
    while ahead:
        new = steps.get(ahead.pop(), set()) - found
        found |= new
        ahead += new
    return found


CHECK = Check(
    id="sensor-misplaced",
    title="The sensor does not see, or may stop, the application",
    severity=Severity.MEDIUM,
    subject=Task,
    why="Alone in its PID namespace it sees only itself; started last it misses starts; essential, its end is theirs.",
    mend="Let `fargate-sensor inject ecs` put it there: shared PIDs, SYS_PTRACE, not essential, the others after it.",
    references=(),
    reads=("containerDefinitions", "pidMode"),
    find=_find,
)
