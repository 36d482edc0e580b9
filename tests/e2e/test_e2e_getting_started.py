"""The part on docker of docs/getting-started.md, run as it stands, with this checkout's images and names of its own."""

import json
import re
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from docker_cli import LABEL, docker, wait_for
from lab import PROJECT, Images

DOCUMENT = (PROJECT / "docs" / "getting-started.md").read_text(encoding="utf-8")
NAMES = ("try-sensor", "try-app", "try-ingest")
NETWORK = "try-network"
ADDRESS = "127.0.0.1:8080"
A_STEP = 90.0
"""Seconds that one block of commands may take on a busy machine."""


class Walk:
    """The blocks of the section, under names that nothing else has."""

    def __init__(self, images: Images) -> None:
        self.prefix = f"{LABEL}-{uuid.uuid4().hex[:8]}-"
        self._changed = {
            "fargate-sensor-ingest:0.1.0": images.ingest,
            "fargate-sensor:0.1.0": images.sensor,
            ADDRESS: f"127.0.0.1:{_free_port()}",
            "try-": self.prefix,
        }
        (section,) = re.findall(r"^## On docker\n(.*?)^## ", DOCUMENT, re.MULTILINE | re.DOTALL)
        *self.steps, self.question, self.clean_up = map(self._own, re.findall(r"```sh\n(.*?)```", section, re.DOTALL))

    def _own(self, block: str) -> str:
        for written, here in self._changed.items():
            block = block.replace(written, here)
        return block

    def left(self) -> list[str]:
        """Its containers and networks that are there."""
        names = f"name={self.prefix}"
        containers = docker("ps", "--all", "--filter", names, "--format", "{{.Names}}")
        return (containers + "\n" + docker("network", "ls", "--filter", names, "--format", "{{.Name}}")).split()


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def bash(block: str) -> str:
    """Standard output of a block, every command of which must end with 0."""
    done = subprocess.run(["bash", "-euc", block], capture_output=True, text=True, timeout=A_STEP, check=False)
    assert done.returncode == 0, f"{block}\nexit {done.returncode}: {done.stderr}"
    return done.stdout


@pytest.fixture
def walk(images, need) -> Iterator[Walk]:
    """The section, and nothing of it left at the end, however far it came."""
    need(shutil.which("bash") and shutil.which("curl"), "bash and curl")
    walk = Walk(images)
    yield walk
    docker("rm", "--force", "--volumes", *(walk.prefix + name.removeprefix("try-") for name in NAMES), check=False)
    docker("network", "rm", walk.prefix + NETWORK.removeprefix("try-"), check=False)


def test_what_is_written_shows_the_planted_program_and_leaves_nothing(walk):
    for step in walk.steps:
        bash(step)

    def told() -> Any:
        found = [event["process"] for event in json.loads(bash(walk.question))["events"]]
        return next((one for one in found if one["args"] == ["/tmp/planted", "3"]), None)

    planted = wait_for("the run of the planted program", told, A_STEP)
    assert planted["exe"] == "/tmp/planted"
    assert planted["drift"] is True
    assert planted["sha256"]
    assert planted["ancestors"]
    assert len(walk.left()) == len(NAMES) + 1
    volumes = [mount["Name"] for mount in json.loads(docker("inspect", walk.prefix + "ingest"))[0]["Mounts"]]

    bash(walk.clean_up)

    assert walk.left() == []
    assert [volume for volume in volumes if docker("volume", "ls", "-q", "--filter", f"name={volume}")] == []
