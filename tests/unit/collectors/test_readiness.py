"""Resting until there is something to read, or a time has come."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from running import until

from collectors.readiness import Rest, attend


class Pipe:
    """What is written into it is read by a work, which says what rests follow."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        self.read: list[bytes] = []

    def work(self, *rests: Rest | None, then: Callable[[], None] = lambda: None) -> Callable[[], Rest | None]:
        left = iter(rests)

        def work() -> Rest | None:
            try:
                self.read.append(os.read(self.reading, 100))
            except BlockingIOError:
                self.read.append(b"")
            then()
            return next(left)

        return work


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    os.close(made.reading)
    os.close(made.writing)


LONG, MOMENT = 60, 0.01
DEADLINE_S = 10


async def test_it_works_when_there_is_something_to_read(pipe: Pipe) -> None:
    attending = asyncio.create_task(attend(pipe.reading, pipe.work(Rest(LONG), None), Rest(None)))
    for text in (b"one", b"two"):
        await asyncio.sleep(0)
        os.write(pipe.writing, text)
        await until(lambda text=text: pipe.read[-1:] == [text], "it was read")
    await asyncio.wait_for(attending, DEADLINE_S)

    assert pipe.read == [b"one", b"two"]


async def test_it_works_when_its_time_has_come(pipe: Pipe) -> None:
    await asyncio.wait_for(attend(pipe.reading, pipe.work(Rest(MOMENT), None), Rest(MOMENT)), DEADLINE_S)

    assert pipe.read == [b"", b""]


async def test_it_does_not_listen_while_it_may_not(pipe: Pipe) -> None:
    """What comes during a rest is read at the end of it, in one go."""
    os.write(pipe.writing, b"a")
    rest = Rest(20 * MOMENT, listen=False)
    attending = asyncio.create_task(attend(pipe.reading, pipe.work(rest, None), Rest(LONG)))
    await until(lambda: pipe.read, "the first was read")
    for _ in range(3):
        os.write(pipe.writing, b"b")
        await asyncio.sleep(0)
    await asyncio.wait_for(attending, DEADLINE_S)

    assert pipe.read == [b"a", b"bbb"]


async def test_whoever_attends_is_told_what_goes_wrong(pipe: Pipe) -> None:
    def fails() -> Rest:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await attend(pipe.reading, fails, Rest(0))
    assert not asyncio.get_running_loop().remove_reader(pipe.reading)


async def test_nothing_is_left_of_one_that_was_cancelled(pipe: Pipe) -> None:
    attending = asyncio.create_task(attend(pipe.reading, pipe.work(), Rest(MOMENT)))
    await asyncio.sleep(0)
    attending.cancel()
    await asyncio.gather(attending, return_exceptions=True)
    os.write(pipe.writing, b"late")
    await asyncio.sleep(2 * MOMENT)

    assert pipe.read == []
    assert not asyncio.get_running_loop().remove_reader(pipe.reading)


async def test_what_is_over_works_no_more(pipe: Pipe) -> None:
    """A reader and a timer that are due in the same turn of the loop."""
    os.write(pipe.writing, b"x")
    attending = asyncio.create_task(attend(pipe.reading, pipe.work(None), Rest(0)))
    await asyncio.wait_for(attending, DEADLINE_S)
    await asyncio.sleep(2 * MOMENT)

    assert pipe.read == [b"x"]


async def test_a_timer_is_set_anew_only_where_another_time_is_wanted(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, timers = asyncio.get_running_loop(), list[float]()
    call_at = loop.call_at

    def count(when: float, *args: Any, **others: Any) -> asyncio.TimerHandle:
        timers.append(when)
        return call_at(when, *args, **others)

    began, worked = loop.time(), asyncio.Event()
    left = iter([Rest(LONG)] * 3 + [Rest(MOMENT), None])

    def work() -> Rest | None:
        with suppress(BlockingIOError):
            os.read(pipe.reading, 100)
        worked.set()
        return next(left)

    monkeypatch.setattr(loop, "call_at", count)
    monkeypatch.setattr(loop, "time", lambda: began)
    attending = asyncio.create_task(attend(pipe.reading, work, Rest(LONG)))
    for _ in range(4):
        os.write(pipe.writing, b"x")
        await worked.wait()
        worked.clear()
    monkeypatch.undo()
    await asyncio.wait_for(attending, DEADLINE_S)

    assert [round(when - began) for when in timers] == [LONG, 0]
