"""How many processes may have gone unseen, told to a person no more than once a minute."""

from sensor.model.counters import catch_rate
from sensor.model.events import Timestamp
from sensor.model.times import NS, from_rfc3339
from sensor.watch.words import Plain, part

QUIET_NS = 60 * NS


class Unseen:
    """Takes the sensor's reports, one after the other, and sums up those that a person is not shown."""

    def __init__(self) -> None:
        self._unexplained = 0
        self._seen = 0
        self._told: Timestamp | None = None

    def __call__(self, report: Plain) -> Plain | None:
        """The report with the sums since the last one shown; None where there is nothing to tell, or not yet.

        The last report of a sensor tells at once. Reports without anything unexplained make no sum look better.
        """
        health = part(report, "health")
        self._unexplained += health.get("unexplained", 0)
        self._seen = self._seen + health.get("seen", 0) if self._unexplained else 0
        now = from_rfc3339(report["time"])
        if not self._unexplained or (report["kind"] != "sensor.stop" and self._was_told_before(now)):
            return None
        rate = catch_rate(self._seen, self._unexplained)
        summed = {**health, "unexplained": self._unexplained, "seen": self._seen, "catch_rate": rate}
        self._unexplained = self._seen = 0
        self._told = now
        return {**report, "health": summed}

    def _was_told_before(self, now: Timestamp) -> bool:
        """Within the last minute; a clock that was set back does not make a person wait for longer."""
        return self._told is not None and 0 <= now - self._told < QUIET_NS
