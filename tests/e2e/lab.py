"""Everything a test or a benchmark needs around a task: images, a network, an ingest, and their removal."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from fcntl import LOCK_EX, flock
from os import getuid
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import NamedTuple

from docker_cli import LABEL, Container, docker
from fargate_task import FargateTask
from ingest_container import WRITE_TOKEN, IngestContainer

STOP_DEADLINE = "6"
"""Seconds; beside an app that goes on the sensor takes two thirds of it to stop."""

PROJECT = Path(__file__).parents[2]


class Images(NamedTuple):
    """This checkout's images, by their ids: their tags move when another checkout builds."""

    sensor: str
    ingest: str


def build_images() -> Images:
    """Build both images; what has not changed comes from the engine's cache."""
    return Images(*map(_built, Images._fields))


def _built(target: str) -> str:
    options = ["--quiet", "--network=host", "--target", target, "--tag", f"{LABEL}:{target}"]
    return docker("build", *options, str(PROJECT), timeout=600)


def build_traffic() -> str:
    """Build the image of the apps that make traffic; its tag."""
    tag, recipe = f"{LABEL}:traffic", Path(__file__).with_name("traffic.Dockerfile")
    with TemporaryDirectory() as nothing:
        docker("build", "--quiet", "--network=host", f"--file={recipe}", "--tag", tag, nothing, timeout=600)
    return tag


@contextmanager
def temporary_network(*, ipv6: bool = False, subnet: str | None = None, apart: bool = False) -> Iterator[str]:
    """A network in which containers find each other by name; with addresses of both kinds or of a subnet if wanted.

    One that is `apart` leads nowhere, and this machine has no address and no route in it. An engine has each subnet
    once: another run that has it is waited for, and what a run that was killed left in it is removed.
    """
    with nullcontext() if subnet is None else _sole_user(subnet), _new_network(ipv6, subnet, apart) as name:
        yield name


@contextmanager
def _sole_user(subnet: str) -> Iterator[None]:
    """Hold this user's lock of a subnet, which the kernel lets go when its holder is killed."""
    with Path(gettempdir(), f"{LABEL}-{getuid()}-{subnet.replace('/', '-')}").open("w") as lock:
        flock(lock, LOCK_EX)
        for network in docker("network", "ls", "--quiet", f"--filter=label={LABEL}").split():
            found = docker("network", "inspect", "--format={{(index .IPAM.Config 0).Subnet}}", network, check=False)
            if found == subnet:
                _remove_network(network)
        yield


def _remove_network(network: str) -> None:
    if left := docker("ps", "--all", "--quiet", f"--filter=network={network}").split():
        docker("rm", "--force", "--volumes", *left)
    docker("network", "rm", network)


@contextmanager
def _new_network(ipv6: bool, subnet: str | None, apart: bool) -> Iterator[str]:
    number = uuid.uuid4().hex
    name = f"{LABEL}-{number[:8]}"
    both = ["--ipv6", f"--subnet=fd00:{number[8:12]}:{number[12:16]}::/64"] if ipv6 else []  # RFC 4193
    chosen = [f"--subnet={subnet}"] if subnet is not None else []
    alone = ["--internal", "--opt=com.docker.network.bridge.inhibit_ipv4=true"] if apart else []
    docker("network", "create", "--label", LABEL, *both, *chosen, *alone, name)
    try:
        yield name
    finally:
        docker("network", "rm", name)


@contextmanager
def temporary_volume() -> Iterator[str]:
    """A volume for containers that are gone when the block ends."""
    name = f"{LABEL}-{uuid.uuid4().hex[:8]}"
    docker("volume", "create", "--label", LABEL, name)
    try:
        yield name
    finally:
        docker("volume", "rm", "--force", name, check=False)


class Lab:
    """Containers around one ingest. `clear` removes them all."""

    def __init__(self, images: Images, network: str) -> None:
        self.images = images
        self.network = network
        self.containers: list[Container] = []
        self.ingest = IngestContainer(images.ingest, network)
        self.containers.append(self.ingest)

    def new(self, role: str, image: str, options: Sequence[str], command: Sequence[str]) -> Container:
        """A container that has not been started."""
        container = Container(role, image, options, command)
        self.containers.append(container)
        return container

    def task(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        ptrace: bool = True,
        command: Sequence[str] = (),
        options: Sequence[str] = (),
        sensor_options: Sequence[str] = (),
        pause_options: Sequence[str] = (),
    ) -> FargateTask:
        """A task whose sensor delivers to the ingest."""
        settings = {
            "SENSOR_INGEST_URL": self.ingest.url,
            "SENSOR_INGEST_TOKEN": WRITE_TOKEN,
            "SENSOR_STOP_DEADLINE": STOP_DEADLINE,
            **(environment or {}),
        }
        return FargateTask(
            self.new,
            self.network,
            self.images.sensor,
            settings,
            ptrace=ptrace,
            command=command,
            options=options,
            sensor_options=sensor_options,
            pause_options=pause_options,
        )

    def clear(self) -> None:
        """Remove every container, the newest first."""
        while self.containers:
            self.containers.pop().remove()


@contextmanager
def temporary_lab(*, ipv6: bool = False) -> Iterator[Lab]:
    """A lab of its own with a running ingest, for what is no test."""
    images = build_images()
    with temporary_network(ipv6=ipv6) as network:
        lab = Lab(images, network)
        try:
            lab.ingest.start().wait_ready()
            yield lab
        finally:
            lab.clear()
