"""Waiting for a descriptor, with an end to it."""

import asyncio


async def readable(fd: int, wait: float | None) -> bool:
    """Wait until there is something to read; False when `wait` seconds are over. None waits for ever."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[bool] = loop.create_future()

    def resolve(value: bool) -> None:
        if not found.done():
            found.set_result(value)

    loop.add_reader(fd, resolve, True)
    timer = None if wait is None else loop.call_later(wait, resolve, False)
    try:
        return await found
    finally:
        if timer is not None:
            timer.cancel()
        loop.remove_reader(fd)
