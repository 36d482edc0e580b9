"""The docker command line as the tests need it: containers that are named, labelled, read and removed."""

import json
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

BASE = "python:3.13-slim-trixie"
LABEL = "fargate-sensor-e2e"
T = TypeVar("T")


def docker(*arguments: str, check: bool = True, timeout: float = 120) -> str:
    """Standard output of one docker command; a failure raises with what docker said."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"docker {' '.join(arguments)[:300]}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


def wait_for(what: str, probe: Callable[[], T | None], deadline: float = 20) -> T:
    """The first value of `probe` that is true, asked again for `deadline` seconds."""
    end = time.monotonic() + deadline
    while True:
        if value := probe():
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline:g} s: {what}")
        time.sleep(0.1)


class Container:
    """One container, started by `start` and removed with its anonymous volumes by `remove`."""

    def __init__(self, role: str, image: str, options: Sequence[str], command: Sequence[str]) -> None:
        self.role = role
        self.name = f"{LABEL}-{uuid.uuid4().hex[:8]}-{role}"
        self.id = docker("create", "--name", self.name, "--label", LABEL, *options, image, *command)

    def start(self) -> Self:
        """Start it, for the first time or again."""
        docker("start", self.id)
        return self

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, as `docker exec` does."""
        return subprocess.run(
            ["docker", "exec", self.id, *command], capture_output=True, text=True, timeout=60, check=False
        )

    def inspect(self) -> dict[str, Any]:
        """What the engine knows of it."""
        (found,) = json.loads(docker("inspect", self.id))
        return dict(found)

    def running(self) -> bool:
        """Whether its first process is alive."""
        return bool(self.inspect()["State"]["Running"])

    def wait_stopped(self, deadline: float = 30) -> None:
        """Return once its first process has ended."""
        wait_for(f"{self.role} has stopped", lambda: not self.running(), deadline)

    def exit_code(self) -> int | None:
        """The exit code, `None` while it runs."""
        state = self.inspect()["State"]
        return None if state["Running"] else int(state["ExitCode"])

    def address(self, network: str) -> str:
        """Its IPv4 address in a network."""
        return str(self.inspect()["NetworkSettings"]["Networks"][network]["IPAddress"])

    def address6(self, network: str) -> str:
        """Its IPv6 address in a network that has them."""
        return str(self.inspect()["NetworkSettings"]["Networks"][network]["GlobalIPv6Address"])

    def published(self, port: int) -> int:
        """The port on this machine's loopback that leads to `port`; a restart changes it."""
        return int(docker("port", self.id, f"{port}/tcp").splitlines()[0].rpartition(":")[2])

    def logs(self) -> str:
        """Standard output and standard error together."""
        done = subprocess.run(["docker", "logs", self.id], capture_output=True, text=True, timeout=60, check=False)
        return done.stdout + done.stderr

    def kill(self, signal: str) -> None:
        """Send a signal to its first process."""
        docker("kill", "--signal", signal, self.id)

    def remove(self) -> None:
        """Stop it at once and forget it."""
        docker("rm", "--force", "--volumes", self.id, check=False)
