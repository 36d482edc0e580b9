"""compose.yaml as a user starts it, with the images of this checkout and any free port."""

import json
import subprocess
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from docker_cli import LABEL, wait_for
from lab import PROJECT

READ_TOKEN = "read-on-this-machine-only"
ENTRY_POINTS = (["docker", "compose"], ["docker-compose"])


@pytest.fixture(scope="session")
def compose_command(engine, need) -> list[str]:
    """The plugin, or the older program of its own."""
    for command in ENTRY_POINTS:
        try:
            if subprocess.run([*command, "version"], capture_output=True, timeout=30, check=False).returncode == 0:
                return command
        except FileNotFoundError:
            continue
    need(False, "docker compose, or docker-compose")
    raise AssertionError("need() returned")


class Project:
    """The services of compose.yaml under a name of their own."""

    def __init__(self, command: list[str], override: str) -> None:
        self._command = [*command, "-p", f"{LABEL}-{uuid.uuid4().hex[:8]}", "-f", "compose.yaml", "-f", override]

    def run(self, *arguments: str) -> str:
        """Standard output of one compose command."""
        done = subprocess.run(
            [*self._command, *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def exit_codes(self) -> list[int]:
        """The exit code of every container of the project."""
        ids = self.run("ps", "-aq").split()
        inspected = subprocess.run(["docker", "inspect", *ids], capture_output=True, text=True, timeout=30, check=True)
        return [container["State"]["ExitCode"] for container in json.loads(inspected.stdout)]


@pytest.fixture
def project(compose_command, images, tmp_path, monkeypatch) -> Iterator[Project]:
    """The project, removed with its volume at the end."""
    services = {"sensor": {"image": images.sensor}, "ingest": {"image": images.ingest}}
    override = tmp_path / "images.json"  # JSON is YAML
    override.write_text(json.dumps({"services": services}))
    monkeypatch.setenv("CONSOLE_PORT", "0")
    project = Project(compose_command, str(override))
    yield project
    project.run("down", "--volumes", "--timeout", "0")


def events(address: str, kind: str) -> list[dict[str, Any]]:
    """The newest events of a kind, none while the ingest does not answer yet."""
    token = {"Authorization": f"Bearer {READ_TOKEN}"}
    try:
        answer = httpx.get(f"http://{address}/v1/events", params={"kind": kind}, headers=token, timeout=10)
    except httpx.TransportError:
        return []
    return list(answer.raise_for_status().json()["events"])


def test_compose_up_shows_the_sample_app_at_work_and_stops_cleanly(project):
    project.run("up", "--detach", "--no-build")
    address = project.run("port", "ingest", "8080")

    def told(kind: str, key: str, value: object) -> bool:
        return any(event[kind.partition(".")[0]].get(key) == value for event in events(address, kind))

    wait_for("the app's program", lambda: told("process.exec", "args", ["python3", "/app/app.py"]))
    wait_for("the app's configuration", lambda: told("file.rename", "path", "/etc/example.conf"))
    wait_for("the app's call to another service", lambda: told("network.flow", "dst_port", 8080))
    project.run("stop")
    assert project.exit_codes() == [0, 0, 0]
