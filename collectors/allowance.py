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

    def limit(self, *, per_second: float, burst: float, left: float) -> None:
        """Allow more or less from now on; so much is left, which may be a debt."""
        self._rate, self._burst, self._left = per_second, burst, left
        self._at = self._clock.monotonic()

    def take(self, amount: float) -> bool:
        """Whether that much may be done now; if so it is spent."""
        self._save_up()
        if amount > self._left:
            return False
        self._left -= amount
        return True

    def spend(self, amount: float) -> None:
        """Charge what was used, where that is known only afterwards; it may leave a debt, and then nothing is there."""
        self._save_up()
        self._left -= amount

    def _save_up(self) -> None:
        now = self._clock.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now


class Overdraft(Allowance):
    """For what is known only once it has been used: overdrawn, it stays closed until a second's worth is saved up."""

    def __init__(self, *, per_second: float, burst: float, clock: Clock) -> None:
        super().__init__(per_second=per_second, burst=burst, clock=clock)
        self._closed = False

    def draw(self, amount: float) -> bool:
        """Charge what was used; whether nothing more may be used for now."""
        self.spend(amount)
        self._closed = self._left < (self._rate if self._closed else 0)
        return self._closed

    def is_overdrawn(self) -> bool:
        """Whether nothing more may be used for now."""
        return self.draw(0)
