"""Notices a quota of CPU that nobody tells, as of a cgroup above the container's own, which it cannot see.

The sensor has something to do and waits although processors idle. All that runs on the machine is then about what the
task may use.
"""

import logging
from math import inf
from typing import NamedTuple

from sensor.model.clock import Clock
from sensor.model.times import NS
from sensor.telemetry.proc_files import TICKS, Read, content, content_or_nothing

SCHEDSTAT = "/proc/self/schedstat"
STAT = "/proc/stat"
IDLE, STOLEN = slice(3, 5), 7
"""Places in the numbers of the line `cpu` (proc_stat(5)); what follows is stolen, or of guests and counted before."""
WAITED_LEAST = 0.05
"""Of the time: the sensor waits less where it has little to do, and for moments wherever processors are busy."""
IDLE_LEAST = 0.5
"""Cores that idled meanwhile: who waits beside less may only have come second."""
HELD_S = 60.0
"""So long what was found holds after it has last been seen: a storm has pauses."""

log = logging.getLogger("sensor")


class Reading(NamedTuple):
    """Seconds since the start: the sensor's main thread on a core and waiting for one (Documentation/scheduler/
    sched-stats.rst), all processors of the machine idle and busy."""

    ran: float
    waited: float
    idle: float
    busy: float


class HiddenQuota:
    """To be looked at every few seconds."""

    def __init__(self, clock: Clock, read: Read = content) -> None:
        self._clock = clock
        self._read = read
        self._then = self._now()
        self._at = clock.monotonic()
        self._cores = inf
        self._until = -inf

    def look(self) -> float:
        """The cores that the task has by what was seen in the last minute; infinite where nothing holds it up."""
        now, at = self._now(), self._clock.monotonic()
        if now is not None and self._then is not None and at > self._at:
            self._judge(Reading(*(new - old for new, old in zip(now, self._then, strict=True))), at - self._at)
        if at >= self._until:
            self._cores = inf
        self._then, self._at = now, at
        return self._cores

    def _judge(self, spent: Reading, elapsed: float) -> None:
        held_up = spent.waited > max(spent.ran, WAITED_LEAST * elapsed) and spent.idle > IDLE_LEAST * elapsed
        if not held_up or spent.busy <= 0:
            return
        if self._cores == inf:
            log.info("held up while processors idle: the task has about %.2f cores", spent.busy / elapsed)
        self._cores = spent.busy / elapsed
        self._until = self._at + elapsed + HELD_S

    def _now(self) -> Reading | None:
        """None where the kernel does not tell."""
        own = content_or_nothing(SCHEDSTAT, self._read).split()[:2]
        machine = content_or_nothing(STAT, self._read).partition(b"\n")[0].split()[1 : 1 + STOLEN]
        if (len(own), len(machine)) != (2, STOLEN) or not all(field.isdigit() for field in (*own, *machine)):
            return None
        ran, waited = (int(field) / NS for field in own)
        idle, all_ = sum(map(int, machine[IDLE])), sum(map(int, machine))
        return Reading(ran, waited, idle / TICKS, (all_ - idle) / TICKS)
