"""A task as Fargate runs it: a pause container whose PID and network namespaces the app and the sensor share."""

from collections.abc import Callable, Mapping, Sequence

from docker_cli import BASE, Container, wait_for

PAUSE = """
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    signal.pause()
"""
NewContainer = Callable[[str, str, Sequence[str], Sequence[str]], Container]


def start_pause(
    new: NewContainer, network: str, *options: str, pids: bool | None = True
) -> tuple[Container, list[str]]:
    """The container that holds a task's namespaces, and docker's options for those that share them."""
    pause = new("pause", BASE, [f"--network={network}", *options], ["python3", "-c", PAUSE]).start()
    return pause, [f"--network=container:{pause.id}", *([f"--pid=container:{pause.id}"] if pids else [])]


class FargateTask:
    """Pause and sensor, running; `app` adds containers to the task.

    With `ptrace` the terms are those of ECS (SYS_PTRACE may be added), without it those of EKS. docker's `options` go
    to pause and sensor, `sensor_options` and `pause_options` to one of them alone.
    """

    def __init__(
        self,
        new: NewContainer,
        network: str,
        image: str,
        environment: Mapping[str, str],
        *,
        ptrace: bool = True,
        command: Sequence[str] = (),
        options: Sequence[str] = (),
        sensor_options: Sequence[str] = (),
        pause_options: Sequence[str] = (),
    ) -> None:
        self._new = new
        self.pause, self.shared = start_pause(new, network, *options, *pause_options)
        variables = [f"--env={key}={value}" for key, value in environment.items()]
        rights = ["--cap-add=SYS_PTRACE"] if ptrace else []
        sensor = [*self.shared, "--read-only", *rights, *variables, *options, *sensor_options]
        self.sensor = new("sensor", image, sensor, command).start()

    def wait_healthy(self) -> None:
        """Return once the sensor's own health check passes."""
        wait_for("the sensor is healthy", lambda: self.sensor.execute("fargate-sensor", "health").returncode == 0)

    def app(self, script: str, *, user: str = "0", name: str = "app") -> Container:
        """A container of the task that runs a Python script."""
        return self._new(name, BASE, [*self.shared, f"--user={user}"], ["python3", "-u", "-c", script]).start()
