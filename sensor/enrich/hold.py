"""Holds events back, for a moment, until their process has settled and their container has its name.

Right after a fork a process still shows its parent's program. An event of such a process waits until it is known what
runs there, `PATIENCE_S` at most; what comes after it waits behind it, so that order is kept. A container that starts
after the sensor is asked for when it is first seen, and its events wait for that answer just as long. While nothing is
held there is no timer, and an event passes straight through.
"""

from collections import deque
from collections.abc import Callable

from sensor.model.clock import Clock, Later, Timer
from sensor.model.counters import Counters
from sensor.model.events import Event

PATIENCE_S = 0.15
TICK_S = 0.01
MOST = 2_000
TURN = 32
"""Events released in a row before the loop's other tasks get their turn."""


class Hold:
    """`put` events in; `release` gets them out again in the same order.

    Counts `released_unsettled`: those let go before their process had settled.
    """

    def __init__(
        self,
        *,
        settled: Callable[[str], bool],
        release: Callable[[Event], None],
        counters: Counters,
        clock: Clock,
        later: Later,
        awaited: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._settled = settled
        self._awaited = awaited
        self._release = release
        self._counters = counters
        self._clock = clock
        self._later = later
        self._held: deque[tuple[float, Event]] = deque()
        self._timer: Timer | None = None

    def __len__(self) -> int:
        return len(self._held)

    def put(self, event: Event) -> None:
        """Release the event now, or hold it."""
        if not self._held and self._is_ready(event):
            self._release(event)
            return
        self._held.append((self._clock.monotonic() + PATIENCE_S, event))
        if len(self._held) > MOST:
            self._let_go()
        if self._timer is None:
            self._timer = self._later(TICK_S, self._tick)

    def flush(self) -> None:
        """Release all that is held, as it is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._held:
            self._let_go()

    def _tick(self) -> None:
        self._timer = None
        now = self._clock.monotonic()
        for _ in range(TURN):
            if not self._held:
                return
            if self._held[0][0] > now and not self._is_ready(self._held[0][1]):
                self._timer = self._later(TICK_S, self._tick)
                return
            self._let_go()
        self._timer = self._later(0, self._tick)

    def _let_go(self) -> None:
        _, event = self._held.popleft()
        if not self._is_settled(event):
            self._counters.add("released_unsettled")
        self._release(event)

    def _is_ready(self, event: Event) -> bool:
        container, process = event.container, event.process
        if container is not None and container.name is None and self._awaited(container.id):
            return False
        return process is None or self._settled(process.entity)

    def _is_settled(self, event: Event) -> bool:
        return event.process is None or self._settled(event.process.entity)
