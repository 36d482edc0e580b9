"""What a container of the task did that a test wants to find again, and what the sensor counted on the way."""

from collections.abc import Callable

from docker_cli import BASE, Container
from fargate_task import FargateTask
from ingest_container import Event, IngestContainer
from lab import Lab

UNFOLDED = {"SENSOR_FOLD": "off"}


def shell(lab: Lab, task: FargateTask, script: str, *options: str) -> Container:
    """A container of the task that runs a shell script."""
    return lab.new("app", BASE, [*task.shared, *options], ["sh", "-c", script]).start()


def wait_over(ingest: IngestContainer, app: Container, deadline: float = 60) -> None:
    """Return once the ingest knows that the app has ended, and so all that it did."""
    app.wait_stopped(deadline)
    ingest.wait_for("container.stop", lambda event: event["container"]["id"] == app.id)


def execs(ingest: IngestContainer, app: Container) -> list[Event]:
    """What the app's container ran, in the order of the API."""
    return [event for event in ingest.events(kind="process.exec") if event["container"]["id"] == app.id]


def ran(*args: str) -> Callable[[Event], bool]:
    """Whether an event's process runs just this."""
    return lambda event: event["process"].get("args") == list(args)


def program(event: Event) -> str:
    """The name of the program's file, or the kernel's where the file is not known."""
    process = event["process"]
    return str(process.get("exe") or process.get("comm") or "").rpartition("/")[2]


def unexplained(task: FargateTask, ingest: IngestContainer) -> int:
    """Stop the sensor; what went unexplained in its whole life."""
    return sum(health.get("unexplained", 0) for health in reports(task, ingest))


def reports(task: FargateTask, ingest: IngestContainer) -> list[Event]:
    """Stop the sensor; the `health` of all its reports, from start to stop, the last one last."""
    before = {event["id"] for event in ingest.events(kind="sensor.stop")}
    task.sensor.kill("TERM")
    task.sensor.wait_stopped()
    stop = ingest.wait_for("sensor.stop", lambda event: event["id"] not in before)
    events = reversed(ingest.events())  # the newest comes first
    return [event["health"] for event in events if "health" in event and _life(event) == _life(stop)]


def _life(event: Event) -> str:
    """The sensor and its epoch, from the event's id."""
    return str(event["id"]).rsplit("/", 2)[0]
