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


TOGETHER_S = 0.1
"""What may wait does so until a multiple of it. Where little happens each wake-up costs as much as the work in it."""


def until_together(now: float) -> float:
    """Seconds from a time until the next multiple of `TOGETHER_S`; who rests until then wakes up with others."""
    return TOGETHER_S - now % TOGETHER_S


class SystemClock:
    """The kernel's clocks. The one that is asked most is called as it is, without a method around it."""

    monotonic = staticmethod(time.monotonic)

    def wall(self) -> Timestamp:
        return Timestamp(time.time_ns())
