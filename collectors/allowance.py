"""How much of something may be done: so much a second, and what was not used is saved up to a bound."""

from sensor.model.clock import Clock


class Allowance:
    """`burst` is there at the start and the most that is saved."""

    def __init__(self, *, per_second: float, burst: float, clock: Clock) -> None:
        self._rate = per_second
        self._burst = burst
        self._clock = clock
        self._left = burst
        self._at = clock.monotonic()

    def take(self, amount: float) -> bool:
        """Whether that much may be done now; if so it is spent."""
        now = self._clock.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if amount > self._left:
            return False
        self._left -= amount
        return True
