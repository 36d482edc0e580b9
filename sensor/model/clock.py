"""Time, injected so that tests can move it."""

import time
from typing import Protocol

from sensor.model.events import Timestamp


class Clock(Protocol):
    """Wall time for people, monotonic time for waiting."""

    def wall(self) -> Timestamp:
        """Nanoseconds since 1970 UTC; may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        ...


class SystemClock:
    """The kernel's clocks."""

    def wall(self) -> Timestamp:
        return Timestamp(time.time_ns())

    def monotonic(self) -> float:
        return time.monotonic()
