"""Running collectors in tests: started, waited on with a deadline, always stopped."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from fakes import Emitted

from sensor.model.protocols import Collector, TaskView

T = TypeVar("T")
DEADLINE_S = 20.0


async def until(condition: Callable[[], T], what: str, deadline: float = DEADLINE_S) -> T:
    """Wait until the condition gives something true, and return it; fails after the deadline, saying what lacked."""
    end = time.monotonic() + deadline
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"after {deadline:g} s still not: {what}")
        await asyncio.sleep(0.005)
    return found


@asynccontextmanager
async def collecting(collector: Collector, task: TaskView) -> AsyncIterator[Emitted]:
    """What the collector emits while the block runs; an exception of the collector fails the test."""
    emitted = Emitted()
    running = asyncio.create_task(collector.run(task, emitted))
    try:
        yield emitted
        if running.done():
            running.result()
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
