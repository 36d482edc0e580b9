"""Whether the wall clock can be believed before what is too old by it is deleted for good."""

import logging

from sensor.model.clock import Clock
from sensor.model.times import NS

log = logging.getLogger("ingest.store")

LEAP_NS = 60 * NS
BELIEVED_S = 3600.0
"""After a leap ahead: a clock that was set wrong is set right again, and a machine that slept can wait. So can a store
into which nothing had come for as long when it was opened: the clock may be wrong from the start."""

_WAITS = "nothing is deleted for its age within the next hour"


class Steady:
    """Compares the wall clock with the monotonic one, which nobody sets. A leap ahead makes all that is stored old."""

    def __init__(self, clock: Clock, newest: int | None) -> None:
        """`newest` is when the last of what is stored came in, in ns; None where nothing is stored."""
        self._clock = clock
        self._ahead = self._look()
        self._leapt: float | None = None
        silent_s = 0 if newest is None else (clock.wall() - newest) / NS
        if silent_s > BELIEVED_S:
            self._leapt = clock.monotonic()
            log.warning("nothing came in for %.0f s, by the clock: %s", silent_s, _WAITS)

    def __call__(self) -> bool:
        """Whether it went on for an hour, or since the start, without a leap ahead between two calls or before it."""
        before, self._ahead = self._ahead, self._look()
        if self._ahead - before > LEAP_NS:
            self._leapt = self._clock.monotonic()
            leap = (self._ahead - before) // NS
            log.warning("the clock leapt %d s ahead: %s", leap, _WAITS)
        return self._leapt is None or self._clock.monotonic() - self._leapt >= BELIEVED_S

    def _look(self) -> int:
        return self._clock.wall() - round(self._clock.monotonic() * NS)
