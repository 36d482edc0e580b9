"""The sensor's reports about itself: start, heartbeat, stop, and what was lost since the report before."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from sensor.model.clock import Clock
from sensor.model.counters import Counters, catch_rate
from sensor.model.events import CollectorHealth, Event, Evidence, Health, Loss, Missing
from sensor.model.kinds import Kind
from sensor.model.protocols import Status
from sensor.telemetry.losses import UNEXPLAINED, UNKNOWN, account
from sensor.telemetry.usage import Usage

SOURCE = "sensor"
PROCESS_COLLECTORS = "process_"
"""How the names of the collectors begin that know what went unexplained."""


class Heartbeat:
    """Makes the events; whoever calls decides when, and emits what comes back, in its order.

    `collectors` tells how each collector stands, `budget_used` how much of the volume budget is used up,
    `given_up` what the governor has stopped. `parked` lists why nothing is collected, empty while all is well.
    """

    def __init__(
        self,
        *,
        counters: Counters,
        clock: Clock,
        usage: Callable[[], Usage],
        collectors: Callable[[], Mapping[str, CollectorHealth]],
        parked: tuple[str, ...] = (),
        budget_used: Callable[[], float | None] = lambda: None,
        given_up: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self._counters = counters
        self._clock = clock
        self._usage = usage
        self._collectors = collectors
        self._parked = parked
        self._budget_used = budget_used
        self._given_up = given_up
        self._started = self._reported = clock.monotonic()
        self._losses_told: Counter[str] = Counter()
        self._unexplained_told = 0
        self._seen_told = 0

    def start(self) -> list[Event]:
        """The first report."""
        return self._report(Kind.SENSOR_START)

    def beat(self) -> list[Event]:
        """A report of the time since the last one."""
        return self._report(Kind.SENSOR_HEARTBEAT)

    def stop(self, added_s: float | None = None) -> list[Event]:
        """The last report; `added_s` as in `Health.stop_added_s`."""
        return self._report(Kind.SENSOR_STOP, added_s)

    def _report(self, kind: Kind, added_s: float | None = None) -> list[Event]:
        """New losses first, so that none is told after `sensor.stop`; what is lost meanwhile is the next report's.

        They count as told when the whole report is made: one that could not be made leaves them to the next.
        """
        lost = Counter(self._counters.losses)
        unexplained = self._counters.unexplained - self._unexplained_told
        seen = self._counters.processes - self._seen_told
        losses = [self._event(Kind.SENSOR_LOSS, loss=loss) for loss in self._new_losses(lost, unexplained)]
        report = [*losses, self._health_event(kind, lost, unexplained, seen, added_s)]
        self._losses_told = lost
        self._unexplained_told += unexplained
        self._seen_told += seen
        return report

    def _new_losses(self, lost: Counter[str], unexplained: int) -> Iterator[Loss]:
        new = lost - self._losses_told
        if unexplained:
            new[UNEXPLAINED] += unexplained
        for reason, n in sorted(new.items()):
            source, bound, told = account(reason)
            if not told:
                yield Loss(reason, bound, None if bound == UNKNOWN else n, source)

    def _health_event(
        self, kind: Kind, lost: Counter[str], unexplained: int, seen: int, added_s: float | None
    ) -> Event:
        now = self._clock.monotonic()
        usage, collectors, used = self._usage(), dict(self._collectors()), self._budget_used()
        watching = _sees_processes(collectors)
        counted = watching or bool(seen or unexplained)  # by one that has failed meanwhile
        health = Health(
            uptime_s=round(now - self._started, 3),
            interval_s=round(now - self._reported, 3),
            unexplained=unexplained if counted else None,
            seen=seen if counted else None,
            catch_rate=catch_rate(seen, unexplained) if watching else None,
            counters=dict(self._counters.seen),
            losses=dict(lost),
            collectors=collectors,
            cpu_percent=usage.cpu_percent,
            memory_bytes=usage.memory_bytes,
            parked=self._parked,
            budget_used=None if used is None else round(used, 4),
            stop_added_s=None if added_s is None else round(added_s, 3),
            given_up=self._given_up(),
        )
        self._reported = now
        missing = (Missing("health.memory_bytes", usage.inexact),) if usage.inexact else ()
        return self._event(kind, missing, health=health)

    def _event(
        self, kind: Kind, missing: tuple[Missing, ...] = (), *, loss: Loss | None = None, health: Health | None = None
    ) -> Event:
        evidence = Evidence(SOURCE, missing)
        return Event(kind, self._clock.wall(), evidence, loss=loss, health=health)


def _sees_processes(collectors: Mapping[str, CollectorHealth]) -> bool:
    """Whether numbers of processes that were seen or not, 0 among them, mean anything."""
    return any(
        name.startswith(PROCESS_COLLECTORS) and health.status in (Status.OK, Status.DEGRADED)
        for name, health in collectors.items()
    )
