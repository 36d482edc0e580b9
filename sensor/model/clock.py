"""Time, injected so that tests can move it."""

import time
from collections.abc import Callable
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


class Timer(Protocol):
    """What `loop.call_later` gives back."""

    def cancel(self) -> None:
        """Do not call."""
        ...


Later = Callable[[float, Callable[[], None]], Timer]
"""Calls back after that many seconds, as `loop.call_later` does."""


def until_next(period: float, now: float) -> float:
    """Seconds from a time until the next multiple of a period; who rests until then wakes up together with others."""
    return period - now % period


class SystemClock:
    """The kernel's clocks."""

    def wall(self) -> Timestamp:
        return Timestamp(time.time_ns())

    def monotonic(self) -> float:
        return time.monotonic()
