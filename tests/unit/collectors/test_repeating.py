"""Steps that are done again and again."""

import asyncio
from contextlib import suppress

import pytest

from collectors.repeating import repeat


async def test_each_step_says_when_the_next_one_is() -> None:
    loop = asyncio.get_running_loop()
    steps: list[float] = []
    enough = asyncio.Event()

    def step() -> float:
        steps.append(loop.time())
        if len(steps) == 3:
            enough.set()
        return 0.01 if len(steps) == 1 else 0.03

    repeating = asyncio.ensure_future(repeat(step))
    await asyncio.wait_for(enough.wait(), 20)
    repeating.cancel()
    with suppress(asyncio.CancelledError):
        await repeating
    first, second, third = steps
    assert second - first >= 0.009
    assert third - second >= 0.029


async def test_after_a_cancel_there_is_no_step_more() -> None:
    steps: list[None] = []
    enough = asyncio.Event()

    def step() -> float:
        steps.append(None)
        if len(steps) == 3:
            enough.set()
        return 0.0

    repeating = asyncio.ensure_future(repeat(step))
    await asyncio.wait_for(enough.wait(), 20)
    repeating.cancel()
    with suppress(asyncio.CancelledError):
        await repeating
    done = len(steps)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(steps) == done


@pytest.mark.parametrize("at", [0, 2])
async def test_what_a_step_raises_is_raised(at: int) -> None:
    steps: list[None] = []

    def step() -> float:
        steps.append(None)
        if len(steps) > at:
            raise OSError("no descriptor is left")
        return 0.0

    with pytest.raises(OSError, match="no descriptor is left"):
        await repeat(step)
    assert len(steps) == at + 1
