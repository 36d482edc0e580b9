"""How much CPU the process collector may take: a share of what the task has, averaged over a minute.

A storm of processes must not cost the app its CPU. What is saved up in quiet times may be spent in a burst.
"""

import os
import time
from collections.abc import Callable

from sensor.model.clock import Clock

SHARE = 0.05
"""Of the task's CPU."""
LEAST = 0.01
"""Of a core, whatever the task has."""
SAVED_S = 60.0

_QUOTAS = (
    ("/sys/fs/cgroup/cpu.max", None),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)


class Pace:
    """An account of CPU seconds: credited with time, charged with what this thread used."""

    def __init__(self, cores: float, clock: Clock, used: Callable[[], float] = time.thread_time) -> None:
        self._rate = max(LEAST, SHARE * cores)
        self._clock = clock
        self._used = used
        self._balance = self._rate * SAVED_S
        self._at, self._used_then = clock.monotonic(), used()
        self._overdrawn = False

    def is_overdrawn(self) -> bool:
        """Whether more than the share was used: things must go by until a second's worth has been saved up again."""
        now, used = self._clock.monotonic(), self._used()
        self._balance += (now - self._at) * self._rate - (used - self._used_then)
        self._balance = min(self._balance, self._rate * SAVED_S)
        self._at, self._used_then = now, used
        self._overdrawn = self._balance < (self._rate if self._overdrawn else 0)
        return self._overdrawn


def cores_of_task(read: Callable[[str], str | None] | None = None) -> float:
    """The cores that this container may use: by its cgroup's quota (cgroups(7)), else by its affinity."""
    read = read or _read
    available = float(len(os.sched_getaffinity(0)))
    for quota_file, period_file in _QUOTAS:
        quota = read(quota_file)
        period = read(period_file) if period_file else None
        fields = f"{quota} {period}".split() if period_file else (quota or "").split()
        if len(fields) >= 2 and fields[0].isdigit() and fields[1].isdigit() and int(fields[1]):
            return min(available, int(fields[0]) / int(fields[1]))
    return available


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except OSError:
        return None
