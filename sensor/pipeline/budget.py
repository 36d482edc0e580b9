"""What a task may send a day, and what is left out as that is used up: first by folding, then by sampling.

A day begins with the sensor and is 24 hours long. What is sealed is counted, compressed. While more is used than the
hours that have passed allow, with `HEAD_START` to begin with, the same is folded together (`coarse_fold.py`). From
`SAMPLE_AT` on, ordinary events are sampled so that what is left until `ORDINARY_UNTIL` lasts until the end of the day.
The rest is for what is never left out: detections, what the sensor says of itself, and the coming and going of
containers.

Sampling is by process, so that of one that is kept everything is kept.
"""

from zlib import crc32

from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.events import Event
from sensor.model.kinds import URGENT_KINDS, Kind

DAY_S = 86_400.0
HEAD_START, SAMPLE_AT, ORDINARY_UNTIL = 0.1, 0.6, 0.85

LOOK_S = 10.0
"""Seconds between two looks at how much there is to send."""

FIRST_GUESS = 100.0
"""Bytes of an event in a batch, until the first batch tells."""

ALWAYS = URGENT_KINDS | {Kind.SENSOR_HEARTBEAT, Kind.CONTAINER_START, Kind.CONTAINER_STOP}
"""Kinds that are never left out."""


class Budget:
    """`admits` each event, `spent` each batch. Counts as lost `sampled`. A budget of 0 bytes is no bound."""

    def __init__(self, daily_bytes: float, clock: Clock, counters: Counters) -> None:
        self._daily = daily_bytes
        self._clock = clock
        self._counters = counters
        self._began = self._looked = clock.monotonic()
        self._used = 0
        self._each = FIRST_GUESS
        self._offered = 0
        self._share = 1.0

    def spent(self, size: int, events: int) -> None:
        """A batch of so many bytes and events was sealed."""
        self._used += size
        self._each += (size / events - self._each) * min(1.0, events / 1_000)

    def used(self) -> float | None:
        """The share of the day's budget that is used, 1 for all of it; None where there is none."""
        return self._used / self._daily if self._daily else None

    def folds(self) -> bool:
        """Whether more is to be folded than usual."""
        if self._used < HEAD_START * self._daily or not self._daily:
            return False  # whatever the time, which costs a call
        passed = min(1.0, (self._clock.monotonic() - self._began) / DAY_S)
        return self._used >= (HEAD_START + (1 - HEAD_START) * passed) * self._daily

    def admits(self, event: Event) -> bool:
        """Whether the event goes out; otherwise it has been counted, with all that was folded into it."""
        if not self._daily or event.kind in ALWAYS:
            return True
        self._offered += 1
        if (now := self._clock.monotonic()) - self._looked >= LOOK_S:
            self._look(now)
        if self._share >= 1 or _place(event) < self._share:
            return True
        self._counters.lost("sampled", event.count)
        return False

    def _look(self, now: float) -> None:
        """What share of the events goes out until the next look, by how many there were since the last one."""
        seconds, self._looked = now - self._looked, now
        offered, self._offered = self._offered, 0
        if now - self._began >= DAY_S:
            self._began, self._used = now, 0
        if self._used < SAMPLE_AT * self._daily:
            self._share = 1.0
            return
        left = max(0.0, ORDINARY_UNTIL * self._daily - self._used)
        allowed = left / (self._began + DAY_S - now) * seconds
        self._share = min(1.0, allowed / (offered * self._each))


def _place(event: Event) -> float:
    """A number from 0 to 1 that is the same for all events of a process, and else for all of a file or peer."""
    if event.process is not None:
        what: object = event.process.entity
    elif event.file is not None:
        what = event.file.path
    else:
        what = event.network and (event.network.dst, event.network.dst_port, event.network.src_port)
    return crc32(repr(what).encode("utf-8", "backslashreplace")) / 2**32
