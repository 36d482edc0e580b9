"""Keeps collectors running: one that fails is started again, later each time, and never takes the others down."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.events import CollectorHealth, Event, Evidence, Loss
from sensor.model.kinds import Kind
from sensor.model.protocols import Capability, Collector, Emit, Reporting, Status, TaskView

RESTARTING = "restarting"
FIRST_S = 1.0
LONGEST_S = 60.0
FAILED = "collector_failed"
"""Reason of a loss: what a collector, which is the loss's source, would have seen until it runs again."""

log = logging.getLogger(__name__)


class Supervisor:
    """Runs each collector in a task of its own and knows how each stands. `changed` is called when one's state does."""

    def __init__(
        self,
        collectors: Sequence[Collector],
        *,
        counters: Counters,
        clock: Clock,
        changed: Callable[[], None],
        first: float = FIRST_S,
        longest: float = LONGEST_S,
    ) -> None:
        self._collectors = collectors
        self._counters = counters
        self._clock = clock
        self._changed = changed
        self._first = first
        self._longest = longest
        self._health: dict[str, CollectorHealth] = {}
        self._running: list[asyncio.Task[None]] = []

    def health(self) -> Mapping[str, CollectorHealth]:
        """How each collector stands now, by name; one that runs and reports speaks for itself."""
        reported = {
            collector.name: _status(collector)
            for collector in self._collectors
            if isinstance(collector, Reporting) and self._runs(collector.name)
        }
        return self._health | reported

    def _runs(self, name: str) -> bool:
        found = self._health.get(name)
        return found is not None and found.status in (Status.OK, Status.DEGRADED)

    def start(self, task: TaskView, emit: Emit) -> None:
        """Start them all; how each stands is known as soon as the loop has turned once."""
        for collector in self._collectors:
            keeping = self._keep(collector, task, emit)
            self._running.append(asyncio.create_task(keeping, name=collector.name))

    async def stop(self) -> None:
        """Cancel them all and wait until they have let go of what they hold."""
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running.clear()

    async def _keep(self, collector: Collector, task: TaskView, emit: Emit) -> None:
        wait = self._first
        while True:
            if self._probe(collector).status in (Status.OK, Status.DEGRADED):
                started = asyncio.get_running_loop().time()
                await self._run(collector, task, emit)
                if asyncio.get_running_loop().time() - started > self._longest:
                    wait = self._first
            await asyncio.sleep(wait)
            wait = min(wait * 2, self._longest)

    async def _run(self, collector: Collector, task: TaskView, emit: Emit) -> None:
        """One life of a collector; returns when it has failed."""
        try:
            await collector.run(task, emit)
            reason = "it ended by itself"
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
            reason = "a task of its own was cancelled"
            log.exception("%s failed and is started again", collector.name)
        except Exception as error:  # whatever a collector raises, the others go on
            reason = f"{type(error).__name__}: {error}"
            log.exception("%s failed and is started again", collector.name)
        self._counters.add("collector_restarts")
        self._counters.lost(FAILED)  # until it runs again nobody looks
        loss = Loss(FAILED, "unknown", None, collector.name)
        emit(Event(Kind.SENSOR_LOSS, self._clock.wall(), Evidence("sensor"), loss=loss))
        self._set(collector.name, CollectorHealth(RESTARTING, reason))

    def _probe(self, collector: Collector) -> Capability:
        try:
            found = collector.probe()
        except Exception as error:  # a probe that fails is an answer
            log.exception("%s cannot be probed", collector.name)
            found = Capability(Status.UNAVAILABLE, f"{type(error).__name__}: {error}")
        self._set(collector.name, CollectorHealth(found.status, found.reason))
        return found

    def _set(self, name: str, health: CollectorHealth) -> None:
        before = self._health.get(name)
        self._health[name] = health
        if before == health:
            return
        level = logging.INFO if health.status in (Status.OK, Status.STANDBY) else logging.WARNING
        log.log(level, "%s: %s%s", name, health.status, f": {health.reason}" if health.reason else "")
        if before is not None:
            self._changed()


def _status(collector: Reporting) -> CollectorHealth:
    """What it says of itself. One that cannot, without a descriptor say, keeps no report from being made."""
    try:
        found = collector.status()
    except Exception as error:  # noqa: BLE001  # which is an answer, as with a probe
        return CollectorHealth(Status.DEGRADED, f"how it stands cannot be told: {type(error).__name__}: {error}")
    return CollectorHealth(found.status, found.reason, found.figures)


def _is_being_cancelled() -> bool:
    """Whether it is us that somebody wants to end, and not only what we waited for that was cancelled."""
    running = asyncio.current_task()
    return running is not None and running.cancelling() > 0
