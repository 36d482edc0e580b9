"""Which containers are siblings, and when there are none any more."""

import asyncio

from fakes import FakeClock, FakeTaskView

from sensor.app.siblings import Siblings
from sensor.model.protocols import HOST


class Rig:
    """A task with pause and sensor."""

    def __init__(self) -> None:
        self.task = FakeTaskView(own_container="sensor")
        self.task.add(1, "pause")
        self.task.add(7, "sensor")
        self.clock = FakeClock()
        self.siblings = Siblings(self.task, self.clock)
        self.task.listen(self.siblings)

    def start(self, name: str, pid: int = 20) -> None:
        self.task.add(pid, name)
        self.task.start_container(name)


def test_pause_and_the_sensor_are_no_siblings() -> None:
    rig = Rig()
    rig.start(HOST)
    assert not rig.siblings.alive
    assert not rig.siblings.ever
    assert rig.siblings.alone_since is None


def test_an_application_is_one() -> None:
    rig = Rig()
    rig.start("app")
    assert rig.siblings.alive
    rig.clock.advance(5)
    rig.task.stop_container("app")
    assert not rig.siblings.alive
    assert rig.siblings.alone_since == rig.clock.monotonic()
    rig.task.stop_container("sensor")
    rig.start("app")
    assert rig.siblings.alone_since is None


async def test_gone_returns_at_once_without_siblings_and_else_after_the_last() -> None:
    rig = Rig()
    await rig.siblings.gone()
    rig.start("a", 20)
    rig.start("b", 21)
    waiting = asyncio.ensure_future(rig.siblings.gone())
    for name in ("a", "b"):
        await asyncio.sleep(0)
        assert not waiting.done()
        rig.task.stop_container(name)
    async with asyncio.timeout(5):
        await waiting


async def test_a_sensor_that_never_had_a_sibling_is_not_alone() -> None:
    rig = Rig()
    waiting = asyncio.ensure_future(rig.siblings.alone_for(0))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    rig.start("app")
    await asyncio.sleep(0)
    rig.task.stop_container("app")
    async with asyncio.timeout(5):
        await waiting


async def test_one_that_is_waited_for_may_not_come() -> None:
    rig = Rig()
    async with asyncio.timeout(5):
        await rig.siblings.alone_for(60, first=0.05)
    assert not rig.siblings.ever


async def test_the_first_one_may_come_late_and_stay() -> None:
    rig = Rig()
    waiting = asyncio.ensure_future(rig.siblings.alone_for(60, first=0.05))
    await asyncio.sleep(0)
    rig.start("app")
    await asyncio.sleep(0.1)
    assert not waiting.done()
    rig.task.stop_container("app")
    await asyncio.sleep(0.1)
    assert not waiting.done()  # the next has as long as any that follows another
    waiting.cancel()


async def test_one_container_may_follow_another() -> None:
    rig = Rig()
    rig.start("init")
    waiting = asyncio.ensure_future(rig.siblings.alone_for(0.05))
    await asyncio.sleep(0)
    rig.task.stop_container("init")
    await asyncio.sleep(0)
    rig.start("app", 30)
    await asyncio.sleep(0.1)
    assert not waiting.done()
    rig.task.stop_container("app")
    async with asyncio.timeout(5):
        await waiting
