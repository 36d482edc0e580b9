"""When the collector may say that nothing was queued, on a pipe in place of inotify."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from fakes import FakeClock

from collectors.file_inotify import FileInotify
from collectors.file_watch import LATENCY_S
from sensor.model.counters import Counters


class Pipe:
    """Readable once it was written to."""

    def __init__(self) -> None:
        self._fd, self._end = os.pipe()

    def fileno(self) -> int:
        return self._fd

    def notice(self) -> None:
        os.write(self._end, b"x")

    def close(self) -> None:
        os.close(self._fd)
        os.close(self._end)


class Watch:
    """Has nothing to do by itself but at `due`, in monotonic seconds."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.due: float | None = None

    def next_due(self) -> float | None:
        return self.due


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


async def was_idle(pipe: Pipe, watch: Watch, clock: FakeClock) -> bool:
    collector = FileInotify(counters=Counters(), clock=clock)
    return await collector._something(pipe, watch)  # type: ignore[arg-type]


async def test_where_notices_were_queued_before_it_was_not_idle(pipe: Pipe) -> None:
    pipe.notice()
    assert not await was_idle(pipe, Watch(), FakeClock())


async def test_where_its_turn_was_asked_for_before_it_was_not_idle(pipe: Pipe) -> None:
    watch = Watch()
    watch.wake.set()
    assert not await was_idle(pipe, watch, FakeClock())


@pytest.mark.parametrize(("seconds", "idle"), [(LATENCY_S / 2, False), (LATENCY_S, True)])
async def test_where_nothing_came_for_a_while_it_was_idle(pipe: Pipe, seconds: float, idle: bool) -> None:
    clock = FakeClock()

    def come() -> None:
        clock.advance(seconds)
        pipe.notice()

    asyncio.get_running_loop().call_soon(come)  # once it waits
    assert await was_idle(pipe, Watch(), clock) is idle


async def test_what_is_due_later_ends_the_wait(pipe: Pipe) -> None:
    clock, watch = FakeClock(), Watch()
    watch.due = clock.monotonic() + LATENCY_S
    asyncio.get_running_loop().call_soon(clock.advance, LATENCY_S)
    assert await was_idle(pipe, watch, clock)
