"""Runs a task definition as containers, as ECS on Fargate would, with a metadata endpoint (version 4) beside it.

Mapped are pidMode, dependsOn, images, commands, users, read-only roots, capabilities, environment, secrets, health
checks, volumes, stop timeouts, and the reversed order at the stop. Restart policies, limits and logs are not.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from docker_cli import BASE, LABEL, Container, docker, wait_for
from fargate_task import NewContainer, start_pause

TASK_ID = "55091c13b8cf4801b527f4601742204d"
ARN = f"arn:aws:ecs:eu-central-1:123456789012:task/shop/{TASK_ID}"
PATH = f"/v4/{TASK_ID}-1234567890"
PORT = 8000
ENDED = ("SUCCESS", "COMPLETE")

ENDPOINT = f"""
import http.server, pathlib
class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answer = pathlib.Path("/tmp/task.json")
        known = self.path == "{PATH}/task" and answer.exists()
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(answer.read_bytes() if known else b"not yet")
http.server.HTTPServer(("", {PORT}), Endpoint).serve_forever()
"""
WRITE = "import pathlib, sys; p = pathlib.Path('/tmp/new.json'); p.write_text(sys.argv[1]); p.rename('/tmp/task.json')"

Definition = Mapping[str, Any]


class EcsTask:
    """A task definition in the form of register-task-definition. `images` has what stands in for its images, `secrets`
    the values of its secrets by ARN."""

    def __init__(
        self,
        new: NewContainer,
        network: str,
        definition: Definition,
        images: Mapping[str, str],
        secrets: Mapping[str, str],
    ) -> None:
        self._new = new
        self._definition = definition
        self._images = images
        self._secrets = secrets
        self._volumes: dict[str, str] = {}
        self.containers: dict[str, Container] = {}
        self.started: list[str] = []
        self._endpoint = new("metadata", BASE, [f"--network={network}"], ["python3", "-c", ENDPOINT]).start()
        self._shared = start_pause(new, network, pids=definition.get("pidMode") == "task")[1]
        self._by_name = {one["name"]: one for one in definition["containerDefinitions"]}

    def start(self) -> None:
        """Start the containers, each when what it depends on has come as far as it wants."""
        self._volumes = {volume["name"]: _volume() for volume in self._definition.get("volumes", ())}
        self._tell_metadata()
        waiting = list(self._by_name)
        while waiting:
            ready = [name for name in waiting if not _waits(self._by_name[name]).keys() & set(waiting)]
            assert ready, f"these wait for each other: {', '.join(waiting)}"
            for name in ready:
                for other, condition in _waits(self._by_name[name]).items():
                    self._reached(self.containers[other], condition)
                self._start(self._by_name[name])
                waiting.remove(name)

    def stop(self) -> list[str]:
        """Stop the containers, none before those that depend on it have ended; their names in that order."""
        running = [name for name, container in self.containers.items() if container.running()]
        order = []
        while running:
            free = [name for name in running if not any(name in _waits(self._by_name[one]) for one in running)]
            for name in free:
                docker("stop", self.containers[name].id)
                order.append(name)
                running.remove(name)
        return order

    def clear(self) -> None:
        """Remove the volumes; the containers are the lab's."""
        for container in self.containers.values():
            container.remove()
        for volume in self._volumes.values():
            docker("volume", "rm", "--force", volume, check=False)

    def _start(self, container: Definition) -> None:
        name = container["name"]
        entry = container.get("entryPoint") or []
        command = [*entry[1:], *(container.get("command") or [])]
        made = self._new(name, self._images[container["image"]], self._options(container), command)
        self.containers[name] = made
        self._tell_metadata()
        made.start()
        self.started.append(name)
        self._tell_metadata()

    def _options(self, container: Definition) -> list[str]:
        capabilities = container.get("linuxParameters", {}).get("capabilities", {})
        entry = container.get("entryPoint") or []
        return [
            *self._shared,
            *(f"--env={name}={value}" for name, value in self._environment(container).items()),
            *(f"--cap-add={name}" for name in capabilities.get("add", ())),
            *(f"--cap-drop={name}" for name in capabilities.get("drop", ())),
            *([f"--user={container['user']}"] if "user" in container else []),
            *(["--read-only"] if container.get("readonlyRootFilesystem") else []),
            *(f"--volume={self._mount(mount)}" for mount in container.get("mountPoints", ())),
            *([f"--entrypoint={entry[0]}"] if entry else []),
            f"--stop-timeout={container.get('stopTimeout', 30)}",
            *_health(container.get("healthCheck")),
        ]

    def _environment(self, container: Definition) -> dict[str, str]:
        return {
            "ECS_CONTAINER_METADATA_URI_V4": f"http://{self._endpoint.name}:{PORT}{PATH}",
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
            **{one["name"]: one["value"] for one in container.get("environment", ())},
            **{one["name"]: self._secrets[one["valueFrom"]] for one in container.get("secrets", ())},
        }

    def _mount(self, mount: Definition) -> str:
        return (
            f"{self._volumes[mount['sourceVolume']]}:{mount['containerPath']}{':ro' if mount.get('readOnly') else ''}"
        )

    def _reached(self, container: Container, condition: str) -> None:
        if condition in ENDED:
            container.wait_stopped()
            assert condition == "COMPLETE" or container.exit_code() == 0, f"{container.role} has failed"
        elif condition == "HEALTHY":
            wait_for(f"{container.role} is healthy", lambda: _health_of(container) == "healthy", 60)

    def _tell_metadata(self) -> None:
        """What the endpoint says now. A container has no id there until it was created."""
        answer = {
            "Cluster": "arn:aws:ecs:eu-central-1:123456789012:cluster/shop",
            "TaskARN": ARN,
            "Family": self._definition["family"],
            "Revision": "7",
            "AvailabilityZone": "eu-central-1b",
            "LaunchType": "FARGATE",
            "Limits": {"CPU": 0.5, "Memory": 1024},
            "Containers": [self._entry(name) for name in self._by_name],
        }
        done = self._endpoint.execute("python3", "-c", WRITE, json.dumps(answer))
        assert done.returncode == 0, done.stderr

    def _entry(self, name: str) -> dict[str, Any]:
        entry = {"Name": name, "Image": self._by_name[name]["image"], "KnownStatus": "PULLED"}
        if name in self.containers:
            running = {"KnownStatus": "RUNNING"} if name in self.started else {"KnownStatus": "CREATED"}
            entry |= {"DockerId": self.containers[name].id, "ImageID": f"sha256:{name}"} | running
        return entry


def _waits(container: Definition) -> dict[str, str]:
    """What a container depends on, with the condition."""
    return {one["containerName"]: one["condition"] for one in container.get("dependsOn", ())}


def _health(check: Definition | None) -> Sequence[str]:
    """Docker's command line knows health checks through a shell only."""
    if check is None or check["command"][0] == "NONE":
        return []
    kind, *words = check["command"]
    line = " ".join(words) if kind == "CMD-SHELL" else shlex.join(words)
    return [f"--health-cmd={line}", f"--health-interval={check.get('interval', 30)}s"]


def _health_of(container: Container) -> str:
    return str(container.inspect()["State"].get("Health", {}).get("Status", ""))


def _volume() -> str:
    return docker("volume", "create", "--label", LABEL)
