"""The other containers of the task: whether there are any, and since when there are none.

The sensor's own container is none of them, and neither is that of PID 1: with a shared PID namespace it is the
platform's pause container, which outlives all others; and where PID 1 is an application, its end takes the sensor along
without warning (pid_namespaces(7)), so that there is nothing to wait for.
"""

import asyncio
from typing import Protocol

from sensor.model.clock import Clock
from sensor.model.protocols import HOST

ALONE_S = 10.0
"""How long the sensor has to be alone before it ends by itself: one container may follow another."""
FIRST_S = 600.0
"""How long it waits in a pod for the first one, whose image may be on its way. The others may also have ended before
the sensor's own image was there, and a parked sensor sees none at all: the pod of a Job would never complete."""


class Places(Protocol):
    """What is asked of the task's view."""

    @property
    def own_container(self) -> str: ...

    def container_of(self, pid: int) -> str | None: ...


class Siblings:
    """A `ContainerListener`."""

    def __init__(self, task: Places, clock: Clock) -> None:
        self._task = task
        self._clock = clock
        self._alive: set[str] = set()
        self._changed = asyncio.Event()
        self.ever = False
        """Whether there was one at any time."""
        self.alone_since: float | None = None
        """When the last one ended, in monotonic seconds; None while one lives, or if there never was one."""

    @property
    def alive(self) -> bool:
        """Whether there is one now."""
        return bool(self._alive)

    def container_started(self, container_id: str) -> None:
        """One more, unless it is no sibling."""
        if container_id in (HOST, self._task.own_container, self._task.container_of(1)):
            return
        self._alive.add(container_id)
        self.ever, self.alone_since = True, None
        self._changed.set()

    def container_stopped(self, container_id: str) -> None:
        """One less."""
        if container_id in self._alive:
            self._alive.remove(container_id)
            if not self._alive:
                self.alone_since = self._clock.monotonic()
            self._changed.set()

    async def gone(self) -> None:
        """Return when there is none."""
        while self._alive:
            self._changed.clear()
            await self._changed.wait()

    async def alone_for(self, seconds: float, first: float | None = None) -> None:
        """Return when there were some, and there has been none for so long; or none came within `first` seconds."""
        while True:
            self._changed.clear()
            patience = seconds if self.ever else first
            try:
                async with asyncio.timeout(None if self._alive else patience):
                    await self._changed.wait()
            except TimeoutError:
                return
