"""Keeps the sensor to a budget: of CPU by looking less closely, of memory by keeping less.

CPU: once more than `RAISE_AT` of the budget was used, averaged over a minute, and the last look was over budget as
well, one more of `resolution.STEPS` is given up; after three calm looks the last one is taken back. A minute's budget
may be used up in a burst, so that what happens right after the start is seen whole.

Memory: while the sensor is above its own budget, or the task comes near its limit, queues and spool hold an eighth of
what they may otherwise, and what finds no room is counted. That is let go of only well below.

All of the sensor's processes count. A look costs three small reads and two for each of them, every `LOOK_S`.
"""

import logging
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.resolution import MOST, Resolution
from sensor.telemetry.task_memory import TaskMemory

LOOK_S = 5.0
WINDOW_S = 60.0
LEAST = 0.01
"""Of a core: the smallest CPU budget."""
RAISE_AT, CALM_AT = 0.7, 0.75
"""Shares of the CPU budget: in a minute, to give something up; in one look, to count it as calm."""
CALM_LOOKS = 3
NEAR, FAR = 0.95, 0.9
"""Shares of the task's memory limit: above the first memory is short, below the second no longer."""
OWN_FAR = 0.97
"""The same of the sensor's own budget, all of which it may have; the allocator does not give everything back."""
QUEUES = "queues"
"""What is given up for memory."""

log = logging.getLogger("sensor")


class Load(NamedTuple):
    """CPU in shares of its budget: over the last minute, and since the last look."""

    minute: float
    latest: float


def level_after(level: int, load: Load, calm_looks: int) -> int:
    """How many steps are given up from now on; `calm_looks` counts the calm ones in a row, this one included."""
    if load.minute > RAISE_AT and load.latest > 1:
        return min(level + 1, MOST)
    return max(level - 1, 0) if calm_looks >= CALM_LOOKS else level


def is_short(short: bool, *, own: float, task: float | None) -> bool:
    """Whether memory is short, by the shares used of the sensor's budget and of the task's limit.

    The sensor's budget is its own to keep to, so that it counts from all of it on, the task's limit from `NEAR` on.
    """
    if own > 1 or (task is not None and task > NEAR):
        return True
    return short and (own > OWN_FAR or (task is not None and task > FAR))


class Governor:
    """To be looked at every `LOOK_S`. `cores` are what the task has, `cpu_s` what the sensor has used since its start.

    `keep_less` is told when memory becomes short and when it is no longer; `changed` when a report is due.
    """

    def __init__(
        self,
        *,
        resolution: Resolution,
        cpu_percent: float,
        memory_bytes: float,
        cores: Callable[[], float],
        cpu_s: Callable[[], float],
        memory: TaskMemory,
        keep_less: Callable[[bool], None],
        changed: Callable[[], None],
        counters: Counters,
        clock: Clock,
    ) -> None:
        self._resolution = resolution
        self._cpu_percent = cpu_percent
        self._memory_bytes = memory_bytes
        self._cores = cores
        self._cpu_s = cpu_s
        self._memory = memory
        self._keep_less = keep_less
        self._changed = changed
        self._counters = counters
        self._clock = clock
        self._looks: deque[tuple[float, float]] = deque([(clock.monotonic(), cpu_s())])
        self._calm_looks = 0
        self._short = False

    def given_up(self) -> tuple[str, ...]:
        """For the reports: what is not done now; empty while everything is."""
        return (*self._resolution.given_up, *((QUEUES,) if self._short else ()))

    def look(self) -> None:
        """Compare what is used with the budgets, and act."""
        before = self.given_up()
        self._look_at_cpu()
        self._look_at_memory()
        if (now := self.given_up()) != before:
            self._counters.add("governor.steps")
            more = len(now) > len(before)
            level = logging.WARNING if more else logging.INFO
            log.log(level, "given up to keep to the budget: %s", ", ".join(now) or "nothing")
            self._changed()

    def _look_at_cpu(self) -> None:
        load = self._load()
        self._calm_looks = self._calm_looks + 1 if load.latest < CALM_AT else 0
        level = level_after(self._resolution.level, load, self._calm_looks)
        if level != self._resolution.level:
            self._resolution.level, self._calm_looks = level, 0

    def _load(self) -> Load:
        """What is missing of the first minute counts as idle."""
        now, used = self._clock.monotonic(), self._cpu_s()
        last_at, last_used = self._looks[-1]
        self._looks.append((now, used))
        while len(self._looks) > 2 and self._looks[1][0] <= now - WINDOW_S:
            self._looks.popleft()
        first_at, first_used = self._looks[0]
        budget = max(LEAST, self._cpu_percent / 100 * self._cores())
        minute = (used - first_used) / max(WINDOW_S, now - first_at)
        latest = (used - last_used) / max(now - last_at, 1e-3)
        return Load(minute / budget, latest / budget)

    def _look_at_memory(self) -> None:
        short = is_short(self._short, own=self._memory.own() / self._memory_bytes, task=self._memory.share())
        if short != self._short:
            self._short = short
            self._keep_less(short)
