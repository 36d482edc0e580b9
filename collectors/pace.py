"""What collectors may take: CPU by a share of what the task has, and wake-ups by the second.

A storm of processes must not cost the app its CPU, and each time that the kernel wakes us from the app's own exec it
costs the app some microseconds. What is saved up in quiet times may be spent in a burst.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from collectors.allowance import Overdraft
from sensor.model.clock import Clock


class Portion(NamedTuple):
    """Of the task's CPU; of a core, at least, whatever the task has; and for how many seconds it is saved up."""

    share: float
    least: float
    saved_s: float


PROCESSES = Portion(0.05, 0.01, 45.0)
"""All that the sensor's main thread takes counts, but for what the others have spent of their shares. Spent at once,
what is saved up is half as much again as the share of 90 seconds."""
OTHERS = Portion(0.025, 0.005, 60.0)
"""For the collectors of files and of the network, each: half of what all collectors may take."""

NOTED_S = 1.0
"""So exactly it is known when a share was drawn."""

HINTS_PER_SECOND = 250
HINTS_SAVED = 1000
"""Wake-ups by hints: a busy task's 100 programs a second may all be hinted, a shell loop's thousands may not."""

_QUOTAS = (
    ("/sys/fs/cgroup/cpu.max", None),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)


class Noted(NamedTuple):
    """At a moment: how much had been drawn by then, and which part of the burst was left."""

    at: float
    drawn: float
    part: float


class Spent:
    """CPU seconds of the main thread that were drawn from shares of their own."""

    def __init__(self) -> None:
        self.seconds = 0.0


class CpuShare(Overdraft):
    """CPU seconds, drawn by whoever uses them.

    What the task has may be learnt late, or estimated anew. Then what is left is what would be, had it been known: a
    storm that has drawn more than that meanwhile leaves a debt, of what is saved up at most.
    """

    def __init__(
        self,
        cores: Callable[[], float],
        portion: Portion,
        clock: Clock,
        spent: Spent | None = None,
        used: Callable[[], float] = time.thread_time,
    ) -> None:
        """What is drawn is added to `spent`; `used` is the CPU time of this thread, in seconds."""
        self._spent = spent or Spent()
        self._used = used
        self.drawn = 0.0
        """All that was drawn until now."""
        self._past = deque([Noted(clock.monotonic(), 0.0, 1.0)])
        self._cores = cores
        self._portion = portion
        self._cores_then = cores()
        self.per_second = self._rate_now()
        super().__init__(per_second=self.per_second, burst=self.per_second * portion.saved_s, clock=clock)

    def draw(self, amount: float) -> bool:
        """Charge what was used; whether nothing more may be used for now."""
        self._spent.seconds += amount
        self.drawn += amount
        return super().draw(amount)

    def working(self) -> "Work":
        """What this thread uses within is drawn."""
        return Work(self, self._used)

    def is_overdrawn(self) -> bool:
        """Whether more than the share was used."""
        self._follow_cores()
        return super().is_overdrawn()

    def _follow_cores(self) -> None:
        now, cores = self._clock.monotonic(), self._cores()
        if cores != self._cores_then or now - self._past[-1].at >= NOTED_S:
            self._note(now)
        if cores != self._cores_then:
            self._cores_then = cores
            self.per_second = self._rate_now()
            burst = self.per_second * self._portion.saved_s
            self.limit(per_second=self.per_second, burst=burst, left=self._left_of(burst))

    def _note(self, now: float) -> None:
        self._save_up()
        self._past.append(Noted(now, self.drawn, self._left / self._burst))
        while now - self._past[1].at > self._portion.saved_s:
            self._past.popleft()

    def _left_of(self, burst: float) -> float:
        """What is left, if the share has been what it is now for as long as takes to save all of it up. What was noted
        is noted anew, as it would have been."""
        past, self._past = self._past, deque()
        then = past[0]
        left = burst * then.part
        for noted in past:
            left += (noted.at - then.at) * self.per_second - (noted.drawn - then.drawn)
            left = min(burst, max(left, -burst))
            self._past.append(noted._replace(part=left / burst))
            then = noted
        return left

    def _rate_now(self) -> float:
        return max(self._portion.least, self._portion.share * self._cores_then)


class Work:
    """A piece of work on a share. A generator's context (contextlib) would cost as much as some of the pieces."""

    __slots__ = ("_began", "_share", "_used")

    def __init__(self, share: CpuShare, used: Callable[[], float]) -> None:
        self._share = share
        self._used = used

    def __enter__(self) -> None:
        self._began = self._used()

    def __exit__(self, *_: object) -> None:
        self._share.draw(self._used() - self._began)


class ThreadShare(CpuShare):
    """For the whole of this thread, which is the sensor's main one, but for what others have spent of their shares."""

    def __init__(
        self,
        cores: Callable[[], float],
        portion: Portion,
        clock: Clock,
        spent: Spent,
        used: Callable[[], float] = time.thread_time,
    ) -> None:
        super().__init__(cores, portion, clock, used=used)
        self._others = spent
        self._used_then = self._used_by_us()

    def is_overdrawn(self) -> bool:
        """Whether more than the share was used."""
        used = self._used_by_us()
        self.draw(used - self._used_then)
        self._used_then = used
        return super().is_overdrawn()

    def _used_by_us(self) -> float:
        return self._used() - self._others.seconds


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
