"""The time between being told to stop and the end: how it is divided, and what makes sure that it does end."""

import logging
import os
import signal

from sensor.model.clock import Clock

DELIVERY_SHARE, MOST_DELIVERY_S = 1 / 3, 10.0
"""What is kept of the deadline for delivering; until then the sensor goes on watching."""

LAST_WORD_SHARE = 0.2
"""What is kept of the time to deliver for the last report, which can only be made when the rest is settled."""

GRACE_S = 2.0
"""After the deadline, until the process ends whatever it is doing."""

log = logging.getLogger("sensor")


class Stopping:
    """Begun at SIGTERM. All answers are in seconds from now, never negative."""

    def __init__(self, deadline_s: float, clock: Clock) -> None:
        self._clock = clock
        self._deadline_s = deadline_s
        self.began = clock.monotonic()

    def to_watch(self) -> float:
        """How long to go on watching, at most."""
        return max(0.0, self._left() - min(self._deadline_s * DELIVERY_SHARE, MOST_DELIVERY_S))

    def to_deliver(self) -> float:
        """How long the delivery of what is left may take."""
        return self._left() * (1 - LAST_WORD_SHARE)

    def for_the_last_word(self) -> float:
        """How long the delivery of the last report may take."""
        return max(0.1, self._left() * (1 - LAST_WORD_SHARE))

    def added(self, alone_since: float | None, siblings_live: bool) -> float:
        """Seconds by which the sensor has lengthened the stop: none while others are still there."""
        if siblings_live:
            return 0.0
        return self._clock.monotonic() - max(self.began, alone_since or self.began)

    def took(self) -> float:
        """Seconds since it began."""
        return self._clock.monotonic() - self.began

    def end_in_any_case(self) -> None:
        """End the process with 0 soon after the deadline, should it hang then: a resolver may, or a disk.

        By a timer of the kernel's (setitimer(2)): a pids limit may refuse a thread, and that must not end the stop.
        """
        signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
        signal.setitimer(signal.ITIMER_REAL, self._left() + GRACE_S)

    def _left(self) -> float:
        return max(0.0, self.began + self._deadline_s - self._clock.monotonic())
