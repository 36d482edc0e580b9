"""Asks the ECS task metadata endpoint until it answers, while containers are on their way, and again for each container
that it did not name.

The endpoint may come late, and containers may restart under new ids; nothing waits for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from sensor.containers.metadata_get import MetadataUnreachable, get
from sensor.containers.platform import METADATA_URI
from sensor.containers.task_metadata import MalformedMetadata, TaskMetadata, parse
from sensor.model.clock import Clock
from sensor.pipeline.backoff import Backoff
from sensor.telemetry.trouble import Trouble

QUICK_S = 0.1
"""The least time between two reads."""
REREAD_S = 10.0
"""The time between two reads once there was an answer and nothing new to ask."""
TRIES = 8
"""Reads in which an unknown container may still appear; some, such as pause, never do."""
QUICK_TRIES = 3
"""The first of them, made at once: a container that has just started waits to be named."""
MOST_UNKNOWN = 256
SETTLING_TRIES = 60
"""Reads while containers are on their way: ten minutes, after which only a container that shows up is asked for."""

log = logging.getLogger(__name__)


def endpoint(environ: Mapping[str, str]) -> str | None:
    """The address to ask for the task, None outside ECS."""
    base = environ.get(METADATA_URI)
    return f"{base.rstrip('/')}/task" if base else None


class EcsMetadata:
    """Hands each answer to `learn`. `answered` is set with the first one."""

    def __init__(
        self,
        url: str,
        *,
        learn: Callable[[TaskMetadata], None],
        clock: Clock,
        fetch: Callable[[str], Awaitable[bytes]] = get,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.answered = asyncio.Event()
        self._url = url
        self._learn = learn
        self._clock = clock
        self._fetch = fetch
        self._sleep = sleep
        self._trouble = Trouble("the task's metadata cannot be read", clock)
        self._known: frozenset[str] = frozenset()
        self._tries: dict[str, int] = {}
        self._wanted = asyncio.Event()
        self._new = asyncio.Event()
        self._arn: str | None = None
        self._settling = SETTLING_TRIES

    def ask(self, container_id: str) -> bool:
        """A container without a name: read again, not more often than allowed. Cheap for one asked for before.

        True until there was an answer since it was first asked for.
        """
        if container_id in self._known:
            return False
        if container_id in self._tries:
            return self._tries[container_id] == TRIES
        if len(self._tries) >= MOST_UNKNOWN:
            del self._tries[next(iter(self._tries))]
        self._tries[container_id] = TRIES
        self._wanted.set()
        self._new.set()
        return True

    async def run(self) -> None:
        """Read until answered, then whenever there is something to ask, until cancelled."""
        backoff = Backoff()
        while not await self._read():
            await self._sleep(backoff.next())
        while True:
            await self._sleep(QUICK_S)
            await self._wanted.wait()
            await self._pause()
            await self._read()

    async def _pause(self) -> None:
        """The time between two reads, or until there is something new to ask."""
        waits = [asyncio.ensure_future(wait) for wait in (self._sleep(REREAD_S), self._new.wait())]
        try:
            if not self._new.is_set():
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._new.clear()

    async def _read(self) -> bool:
        """One read; False when it failed, which is told and leaves the questions open."""
        try:
            found = self._same_task(parse(await self._fetch(self._url)))
        except (MetadataUnreachable, MalformedMetadata) as error:
            self._trouble.failed(str(error))
            return False
        self._trouble.mended("the task's metadata can be read")
        self._learn(found)
        self._known = frozenset(found.containers)
        self._settling = 0 if found.settled else max(0, self._settling - 1)
        self._settle_questions()
        self.answered.set()
        return True

    def _same_task(self, found: TaskMetadata) -> TaskMetadata:
        """Raises `MalformedMetadata` for an answer about another task: we stay in ours, whoever answers."""
        if self._arn not in (None, found.task.arn):
            raise MalformedMetadata(f"it speaks of another task, {found.task.arn}")
        self._arn = found.task.arn
        return found

    def _settle_questions(self) -> None:
        """Forget what is known now; count a try for the rest, and ask no more for what had all of its tries."""
        self._tries = {asked: max(0, left - 1) for asked, left in self._tries.items() if asked not in self._known}
        if any(left > TRIES - QUICK_TRIES for left in self._tries.values()):
            self._new.set()
        if any(self._tries.values()) or self._settling:
            self._wanted.set()
        else:
            self._wanted.clear()
