"""Timers that ring when a test lets time pass."""

from collections.abc import Callable

from tests.fakes import FakeClock


class FakeTimers:
    """`call_later` on a clock that stands still; `pass_time` moves both and calls what is due."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.waiting: list[tuple[float, Callable[[], None]]] = []
        self.set = 0

    def later(self, seconds: float, call: Callable[[], None]) -> "FakeTimer":
        entry = (self.clock.monotonic() + seconds, call)
        self.waiting.append(entry)
        self.set += 1
        return FakeTimer(self, entry)

    def pass_time(self, seconds: float) -> None:
        end = self.clock.monotonic() + seconds
        while due := sorted((at for at, _ in self.waiting if at <= end)):
            self.clock.advance(due[0] - self.clock.monotonic())
            entry = next(e for e in self.waiting if e[0] == due[0])
            self.waiting.remove(entry)
            entry[1]()
        self.clock.advance(end - self.clock.monotonic())


class FakeTimer:
    def __init__(self, timers: FakeTimers, entry: tuple[float, Callable[[], None]]) -> None:
        self._timers, self._entry = timers, entry

    def cancel(self) -> None:
        self._timers.waiting.remove(self._entry)
