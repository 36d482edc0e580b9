"""A step again and again, each in its timer's own turn of the loop.

A coroutine that sleeps takes two: one for the timer, whose future then has the coroutine called in the next. An idle
sensor pays for each turn by day and night.
"""

import asyncio
from collections.abc import Callable


async def repeat(step: Callable[[], float]) -> None:
    """Call `step` now, then each time after as many seconds as it gave, until cancelled. Raises what it raises."""
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()
    timer: asyncio.TimerHandle | None = None

    def turn() -> None:
        nonlocal timer
        try:
            timer = loop.call_later(step(), turn)
        except Exception as error:  # noqa: BLE001 - whoever awaits gets it
            timer = None
            if not failed.done():
                failed.set_exception(error)

    turn()
    try:
        await failed
    finally:
        if timer is not None:
            timer.cancel()
