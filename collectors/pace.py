"""What the process collector may take: CPU by a share of what the task has, and wake-ups by the second.

A storm of processes must not cost the app its CPU, and each time that the kernel wakes us from the app's own exec it
costs the app some microseconds. What is saved up in quiet times may be spent in a burst.
"""

import os
import time
from collections.abc import Callable

from collectors.allowance import Overdraft
from sensor.model.clock import Clock

SHARE = 0.05
"""Of the task's CPU."""
LEAST = 0.01
"""Of a core, whatever the task has."""
SAVED_S = 45.0
"""So long what is not used is saved up: spent at once it is half as much again as the share of 90 seconds."""

HINTS_PER_SECOND = 250
HINTS_SAVED = 1000
"""Wake-ups by hints: a busy task's 100 programs a second may all be hinted, a shell loop's thousands may not."""

_QUOTAS = (
    ("/sys/fs/cgroup/cpu.max", None),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)


class CpuShare(Overdraft):
    """CPU seconds of this thread, which is the sensor's main one."""

    def __init__(self, cores: Callable[[], float], clock: Clock, used: Callable[[], float] = time.thread_time) -> None:
        self._cores = cores
        self._cores_then = cores()
        super().__init__(**_share(self._cores_then), clock=clock)
        self._used = used
        self._used_then = used()

    def is_overdrawn(self) -> bool:
        """Whether more than the share was used. What the task has may be learnt late; then the saved goes with it."""
        if self._cores() != self._cores_then:
            self._cores_then = self._cores()
            self.limit(**_share(self._cores_then))
        used = self._used()
        self.draw(used - self._used_then)
        self._used_then = used
        return super().is_overdrawn()


def _share(cores: float) -> dict[str, float]:
    rate = max(LEAST, SHARE * cores)
    return {"per_second": rate, "burst": rate * SAVED_S}


def cores_of_container(read: Callable[[str], str | None] | None = None) -> float:
    """The cores that this container may use: by its cgroup's quota (cgroups(7)), else by its affinity."""
    read = read or _read
    available = float(len(os.sched_getaffinity(0)))
    for quota_file, period_file in _QUOTAS:
        text = read(quota_file) or ""
        if period_file:
            text = f"{text} {read(period_file) or ''}"
        fields = text.split()
        if len(fields) >= 2 and fields[0].isdigit() and fields[1].isdigit() and int(fields[1]):
            return min(available, int(fields[0]) / int(fields[1]))
    return available


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except OSError:
        return None
