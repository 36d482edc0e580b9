"""Images built once, containers that are always removed, and their logs where a test failed."""

import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from docker_cli import BASE, Container
from ingest_container import IngestContainer
from injected_pod import Scene, running_pod
from lab import Images, Lab, build_images, build_traffic, temporary_network
from network_ledger import start_peer

LOG_TAIL = 6000  # characters of each container's log in the report of a failed test


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything below this folder runs containers."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what its containers wrote."""
    report = yield
    lab = getattr(item, "funcargs", {}).get("lab")
    if report.failed and lab is not None:
        for container in lab.containers:
            report.sections.append((f"log of {container.role}", container.logs()[-LOG_TAIL:]))
    return report


@pytest.fixture(scope="session")
def engine(need) -> None:
    """A Docker engine that answers and has the base image."""
    try:
        found = subprocess.run(["docker", "image", "inspect", BASE], capture_output=True, text=True, timeout=30)
    except FileNotFoundError:
        need(False, "the docker command line")
    else:
        need(found.returncode == 0, f"a Docker engine with the image {BASE}: {found.stderr.strip()}")


@pytest.fixture(scope="session")
def images(engine) -> Images:
    """The two images of this checkout."""
    return build_images()


@pytest.fixture(scope="session")
def network(engine) -> Iterator[str]:
    """A network for all tests."""
    with temporary_network() as name:
        yield name


@pytest.fixture
def lab(images, network) -> Iterator[Lab]:
    """What one test starts; its ingest is created and not started."""
    lab = Lab(images, network)
    yield lab
    lab.clear()


@pytest.fixture(scope="session")
def traffic(engine) -> str:
    """The image of what makes traffic."""
    return build_traffic()


@pytest.fixture
def peer(lab, traffic) -> Container:
    """A container outside of the task that answers, aborts or swallows what is sent to it."""
    return start_peer(lab, traffic)


@pytest.fixture
def run_pod(lab, traffic, tmp_path) -> Iterator[Callable[..., Scene]]:
    """A function that runs the pod of a manifest: `injected_pod.running_pod`."""
    with ExitStack() as pods:
        yield lambda *wanted: pods.enter_context(running_pod(lab, traffic, tmp_path, *wanted))


@pytest.fixture
def ingest(lab) -> IngestContainer:
    """The lab's ingest, ready to take batches."""
    lab.ingest.start().wait_ready()
    return lab.ingest
