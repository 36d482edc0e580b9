"""When the collector may say that nothing was queued, on a pipe in place of inotify."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from collectors import file_inotify
from collectors.file_inotify import FileInotify
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters

LATENCY_S = 0.02


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


async def was_idle(pipe: Pipe, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(file_inotify, "LATENCY_S", LATENCY_S)
    collector = FileInotify(counters=Counters(), clock=SystemClock())
    return await collector._something(pipe, watch)  # type: ignore[arg-type]


async def test_where_notices_were_queued_before_it_was_not_idle(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe.notice()
    assert not await was_idle(pipe, Watch(), monkeypatch)


async def test_where_its_turn_was_asked_for_before_it_was_not_idle(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    watch.wake.set()
    assert not await was_idle(pipe, watch, monkeypatch)


async def test_where_nothing_came_for_a_while_it_was_idle(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.get_running_loop().call_later(10 * LATENCY_S, pipe.notice)
    assert await was_idle(pipe, Watch(), monkeypatch)


async def test_what_is_due_later_ends_the_wait(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    watch.due = SystemClock().monotonic() + 10 * LATENCY_S
    assert await was_idle(pipe, watch, monkeypatch)
