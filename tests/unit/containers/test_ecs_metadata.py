import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from sensor.containers.ecs_metadata import (
    MOST_UNKNOWN,
    QUICK_S,
    QUICK_TRIES,
    REREAD_S,
    SETTLING_TRIES,
    TRIES,
    EcsMetadata,
    endpoint,
)
from sensor.containers.metadata_get import MetadataUnreachable
from sensor.containers.task_metadata import TaskMetadata
from tests.fakes import FakeClock

URL = "http://169.254.170.2/v4/x/task"


def answer(*ids: str) -> bytes:
    return json.dumps(
        {
            "TaskARN": "arn:aws:ecs:eu-central-1:123456789012:task/c/1",
            "Containers": [{"DockerId": i, "Name": f"name of {i}"} for i in ids],
        }
    ).encode()


class Endpoint:
    """Hands out its answers in turn, the last one for ever; time passes only by its `sleep`."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers = list(answers)
        self.reads = 0
        self.slept: list[float] = []
        self.clock = FakeClock()

    async def fetch(self, url: str) -> bytes:
        assert url == URL
        self.reads += 1
        now = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(now, Exception):
            raise now
        return now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # what is waited for is a plain value
            await asyncio.sleep(0)


@asynccontextmanager
async def running(served: Endpoint) -> AsyncIterator[tuple[EcsMetadata, list[TaskMetadata]]]:
    learnt: list[TaskMetadata] = []
    metadata = EcsMetadata(URL, learn=learnt.append, clock=served.clock, fetch=served.fetch, sleep=served.sleep)
    task = asyncio.create_task(metadata.run())
    try:
        yield metadata, learnt
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def idle() -> None:
    """Let the loop run everything that has no more to wait for."""
    for _ in range(50):
        await asyncio.sleep(0)


def test_the_endpoint_is_the_environments() -> None:
    assert endpoint({"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/x"}) == URL
    assert endpoint({}) is None


async def test_what_is_answered_is_learnt() -> None:
    async with running(Endpoint(answer("a"))) as (metadata, learnt):
        await asyncio.wait_for(metadata.answered.wait(), 5)
        assert [sorted(found.containers) for found in learnt] == [["a"]]


async def test_it_asks_until_answered_and_tells_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    served = Endpoint(MetadataUnreachable("refused"), b"<html>", b"{}", answer("a"))
    async with running(served) as (metadata, _):
        await asyncio.wait_for(metadata.answered.wait(), 5)
    assert served.reads == 4
    failed, mended = [r.getMessage() for r in caplog.records]
    assert failed == "the task's metadata cannot be read: refused"
    assert mended.startswith("the task's metadata can be read")


async def test_nothing_is_read_again_without_a_question() -> None:
    served = Endpoint(answer("a"))
    async with running(served) as (metadata, _):
        await metadata.answered.wait()
        metadata.ask("a")
        await idle()
        assert served.reads == 1


async def test_a_container_that_is_new_is_asked_for_at_once_and_awaited_until_the_answer() -> None:
    served = Endpoint(answer("a"), answer("a"), answer("a", "b"))
    async with running(served) as (metadata, learnt):
        await metadata.answered.wait()
        assert metadata.ask("b")
        await until(lambda: len(learnt) == 2)
        assert not metadata.ask("b"), "asked for, and not known yet"
        await until(lambda: len(learnt) == 3)
        assert not metadata.ask("b")
        await idle()
    assert served.reads == 3
    assert set(served.slept) - {QUICK_S} <= {REREAD_S}
    assert served.clock.monotonic() - FakeClock().monotonic() < REREAD_S * served.reads


async def test_a_container_that_is_never_named_is_given_up() -> None:
    served = Endpoint(answer("a"))
    async with running(served) as (metadata, _):
        await metadata.answered.wait()
        metadata.ask("pause")
        await until(lambda: served.reads == 1 + TRIES)
        metadata.ask("pause")
        await idle()
        assert served.reads == 1 + TRIES
        assert served.slept.count(REREAD_S) == TRIES - QUICK_TRIES


async def test_containers_that_stay_on_their_way_are_not_waited_for_for_ever() -> None:
    plain = json.loads(answer("a"))
    plain["Containers"][0]["KnownStatus"] = "CREATED"
    served = Endpoint(json.dumps(plain).encode())
    async with running(served):
        await until(lambda: served.reads == SETTLING_TRIES)
        await idle()
        assert served.reads == SETTLING_TRIES


async def test_an_answer_about_another_task_is_none(caplog: pytest.LogCaptureFixture) -> None:
    served = Endpoint(answer("a"), answer("b").replace(b"task/c/1", b"task/c/2"), answer("a", "b"))
    async with running(served) as (metadata, learnt):
        await metadata.answered.wait()
        metadata.ask("b")
        await until(lambda: len(learnt) == 2)
    assert {found.task.arn for found in learnt} == {learnt[0].task.arn}
    assert "it speaks of another task" in caplog.text


async def test_failures_cost_no_tries() -> None:
    served = Endpoint(answer("a"), *[MetadataUnreachable("later")] * (TRIES + 2), answer("a", "b"))
    async with running(served) as (metadata, learnt):
        await metadata.answered.wait()
        metadata.ask("b")
        await until(lambda: len(learnt) == 2)


async def test_questions_are_bounded() -> None:
    served = Endpoint(answer("a"))
    async with running(served) as (metadata, _):
        for i in range(MOST_UNKNOWN * 3):
            metadata.ask(f"c{i}")
        assert len(metadata._tries) == MOST_UNKNOWN
        await metadata.answered.wait()
        await until(lambda: served.reads >= TRIES)
        await idle()
        assert served.reads <= TRIES + 1
