"""The task's identity from an endpoint on loopback that comes late, answers slowly, wrongly, in parts, or goes away."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sensor.containers import metadata_get
from sensor.containers.ecs_metadata import SETTLING_TRIES, EcsMetadata, endpoint
from sensor.containers.names import ContainerNames
from sensor.containers.platform import METADATA_URI
from sensor.model.events import Container, Sensor
from tests.fakes import FakeClock

TASK = "34dc0b5e626f2c5c4c5170e34b10e765"
ARN = f"arn:aws:ecs:eu-central-1:123456789012:task/production/{TASK}"
APP, SIDE = f"{TASK}-1111111111", f"{TASK}-2222222222"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def entry(container_id: str | None, name: str, status: str, digest: str | None = None) -> dict[str, Any]:
    """A container as the endpoint lists it; what is None is not there yet."""
    optional = {"DockerId": container_id, "ImageID": digest}
    return {"Name": name, "Image": f"shop/{name}:1", "KnownStatus": status} | {k: v for k, v in optional.items() if v}


def says(*containers: dict[str, Any], arn: str = ARN) -> Answer:
    """A whole answer."""
    body = json.dumps(
        {
            "Cluster": "production",
            "TaskARN": arn,
            "Family": "shop",
            "Revision": "7",
            "AvailabilityZone": "eu-central-1b",
            "LaunchType": "FARGATE",
            "Limits": {"CPU": 0.25, "Memory": 512},
            "Containers": containers,
        }
    )
    return raw(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}")


def raw(text: str) -> Answer:
    """Exactly this, and the connection is closed."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text.encode())

    return answer


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """No answer until the other end gives up."""
    await reader.read()


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A head byte by byte, without an end."""
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.01)


class Task:
    """The names of a task whose endpoint gives these answers in turn, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.reads = 0
        self.names = ContainerNames(sensor=Sensor(TASK, "e", "0", "d"), platform="ecs-fargate")

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(f"GET /v4/{APP}/task HTTP/1.0\r\n".encode())
            self.reads += 1
            await (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def running(task: Task) -> AsyncIterator[EcsMetadata]:
    """The sensor's side, with time that passes as fast as it can."""
    clock = FakeClock()

    async def sleep(seconds: float) -> None:
        clock.advance(seconds)
        await asyncio.sleep(0)

    server = await asyncio.start_server(task.answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        url = endpoint({METADATA_URI: f"http://127.0.0.1:{port}/v4/{APP}"})
        assert url is not None
        metadata = EcsMetadata(url, learn=task.names.learn, clock=clock, sleep=sleep)
        task.names.ask_through(metadata.ask)
        asking = asyncio.create_task(metadata.run())
        try:
            yield metadata
        finally:
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # what is waited for is a plain value
            await asyncio.sleep(0.001)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata_get, "TIMEOUT_S", 0.1)


async def test_everything_of_the_task_is_known() -> None:
    task = Task(says(entry(APP, "app", "RUNNING", "sha256:aa")))
    async with running(task) as metadata:
        await metadata.answered.wait()
        header = task.names.header().task
        assert header is not None
        assert (
            header._asdict().items()
            >= {
                "platform": "ecs-fargate",
                "account": "123456789012",
                "region": "eu-central-1",
                "cluster": "production",
                "arn": ARN,
                "family": "shop",
                "revision": "7",
                "az": "eu-central-1b",
            }.items()
        )
        assert task.names.container(APP) == Container(APP, "app", "shop/app:1", "sha256:aa")


async def test_it_is_read_again_while_containers_are_on_their_way_and_no_longer() -> None:
    task = Task(
        says(entry(APP, "app", "CREATED"), entry(None, "side", "PULLED")),
        says(entry(APP, "app", "RUNNING", "sha256:aa"), entry(SIDE, "side", "CREATED", "sha256:bb")),
        says(entry(APP, "app", "RUNNING", "sha256:aa"), entry(SIDE, "side", "RUNNING", "sha256:bb")),
    )
    async with running(task):
        await until(lambda: task.names.container(SIDE).image_id == "sha256:bb")
        await until(lambda: task.reads == 3)
        for _ in range(50):
            await asyncio.sleep(0)
        assert task.reads == 3
        assert task.names.container(APP).image_id == "sha256:aa"


async def test_a_container_that_never_starts_is_not_waited_for_for_ever() -> None:
    task = Task(says(entry(APP, "app", "RUNNING", "sha256:aa"), entry(None, "side", "PULLED")))
    async with running(task):
        await until(lambda: task.reads == SETTLING_TRIES)
        for _ in range(200):
            await asyncio.sleep(0)
        assert task.reads == SETTLING_TRIES


@pytest.mark.parametrize(
    "wrong",
    [
        hangs,
        drips,
        raw(""),
        raw("HTTP/1.1 500 Oh\r\n\r\n"),
        raw("HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found"),
        raw("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"),
        raw("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>"),
        raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"),
        raw('HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"TaskARN": "x"}'),
        raw("SSH-2.0-OpenSSH_9.9\r\n"),
    ],
)
@pytest.mark.usefixtures("_impatient")
async def test_an_endpoint_that_is_slow_or_wrong_is_asked_until_it_is_right(wrong: Answer) -> None:
    task = Task(wrong, wrong, says(entry(APP, "app", "RUNNING", "sha256:aa")))
    async with running(task) as metadata:
        await asyncio.wait_for(metadata.answered.wait(), 10)
        assert task.names.container(APP).name == "app"


async def test_what_is_known_stays_when_the_endpoint_goes(caplog: pytest.LogCaptureFixture) -> None:
    task = Task(says(entry(APP, "app", "RUNNING", "sha256:aa")), raw(""))
    async with running(task) as metadata:
        await metadata.answered.wait()
        assert task.names.container(SIDE) == Container(SIDE), "asked for, and not answered"
        await until(lambda: task.reads > 4)
        header = task.names.header().task
        assert header is not None
        assert header.arn == ARN
        assert task.names.container(APP).name == "app"
    assert [record.getMessage() for record in caplog.records if "cannot be read" in record.getMessage()]


async def test_an_answer_about_another_task_is_refused() -> None:
    other = says(entry(APP, "impostor", "RUNNING", "sha256:cc"), arn=ARN.replace(TASK, "0" * 32))
    task = Task(says(entry(APP, "app", "RUNNING", "sha256:aa")), other)
    async with running(task) as metadata:
        await metadata.answered.wait()
        task.names.container(SIDE)
        await until(lambda: task.reads > 3)
        header = task.names.header().task
        assert header is not None
        assert header.arn == ARN
        assert task.names.container(APP).name == "app"
