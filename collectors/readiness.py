"""Waiting for a descriptor, in few turns of the loop: where little happens each costs as much as the work in it."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple


class Rest(NamedTuple):
    """Until work goes on: for so many seconds, for ever with None; with `listen` no longer than there is something to
    read."""

    seconds: float | None
    listen: bool = True


SLACK_S = 0.001
"""A timer that is no further from what is wanted is left as it is."""

Work = Callable[[], Rest | None]
"""Reads what there is. None: it is done."""


async def attend(fd: int, work: Work, first: Rest) -> None:
    """Rest, work, rest as the work says, and so on until it is done. Raises what the work raises."""
    attendance = _Attendance(fd, work)
    try:
        attendance.rest(first)
        await attendance.over
    finally:
        attendance.end()


class _Attendance:
    """Listens all the while that it may, since to begin and to end costs a system call each."""

    def __init__(self, fd: int, work: Work) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._work = work
        self._listens = False
        self._timer: asyncio.TimerHandle | None = None
        self.over: asyncio.Future[None] = self._loop.create_future()

    def rest(self, rest: Rest) -> None:
        if rest.listen != self._listens:
            self._listen(rest.listen)
        self._wake_at(None if rest.seconds is None else self._loop.time() + rest.seconds)

    def end(self) -> None:
        self._wake_at(None)
        if self._listens:
            self._listen(False)

    def _turn(self) -> None:
        if self.over.done():
            return
        try:
            rest = self._work()
        except Exception as error:  # noqa: BLE001 - whoever attends is told
            self.over.set_exception(error)
            return
        if rest is None:
            self.over.set_result(None)
        else:
            self.rest(rest)

    def _time_has_come(self) -> None:
        self._timer = None
        self._turn()

    def _wake_at(self, at: float | None) -> None:
        if self._timer is not None:
            if at is not None and abs(self._timer.when() - at) < SLACK_S:
                return
            self._timer.cancel()
        self._timer = None if at is None else self._loop.call_at(at, self._time_has_come)

    def _listen(self, listens: bool) -> None:
        self._listens = listens
        if listens:
            self._loop.add_reader(self._fd, self._turn)
        else:
            self._loop.remove_reader(self._fd)
