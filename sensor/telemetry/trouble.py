"""Trouble that lasts, told in few lines."""

import logging

from sensor.model.clock import Clock

EVERY = 60.0
"""Seconds between two lines about the same trouble."""

REASON_CHARACTERS = 300

log = logging.getLogger(__name__)


class Trouble:
    """Tells the first failure at once, later ones at most once a minute with their number, and the end of it.

    Trouble that comes and goes is no way around the minute: its end is told only where a failure was.
    """

    def __init__(self, what: str, clock: Clock) -> None:
        self._what = what
        self._clock = clock
        self._told_at: float | None = None
        self._untold = 0
        self._failures = 0

    def failed(self, reason: str) -> None:
        """One more failure; `reason` may come from outside and is written on one line."""
        now = self._clock.monotonic()
        self._failures += 1
        self._untold += 1
        if self._told_at is None:
            log.warning("%s: %s", self._what, one_line(reason))
        elif now - self._told_at >= EVERY:
            since = now - self._told_at
            log.warning("%s (%d times in %.0f s): %s", self._what, self._untold, since, one_line(reason))
        else:
            return
        self._told_at, self._untold = now, 0

    def mended(self, how: str) -> None:
        """It works; said if the trouble was."""
        if self._failures > self._untold:
            log.info("%s (failures before: %d)", how, self._failures)
            self._failures = self._untold = 0


def one_line(text: str) -> str:
    """The text without line breaks and control characters, and not too long."""
    return "".join(c if c.isprintable() else " " for c in text[:REASON_CHARACTERS])
