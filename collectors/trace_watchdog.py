"""Notices a tracer that does not answer: whoever stops while it is silent would wait for it for ever."""

from typing import Protocol

from collectors.trace_link import Pulse, TracerLost
from sensor.model.clock import Clock

LOOK_S = 0.1
"""Between two looks."""
SILENT_S = 0.5
"""So long an answer may take. An app is held up for this, one look, and what the kernel needs for a kill."""
LOOKS = 3
"""So many looks must have found nothing: a sensor that was itself held up, or frozen with its tracer, waits again."""


class Asked(Protocol):
    """The part of `TracerLink` that is looked at here."""

    def ping(self, number: int) -> None: ...

    def pulse(self) -> Pulse | None: ...


class Watchdog:
    """Asks a tracer for its pulse, one question at a time, again until it answers. `last` is the newest answer."""

    def __init__(self, link: Asked, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._number = 0
        self._asked_at = clock.monotonic()
        self._vain = 0
        self.last = Pulse(0)

    def look(self, patience: float = SILENT_S) -> Pulse | None:
        """The answer that has come; asks the next question. Raises TracerLost when the tracer is silent, or gone."""
        found = self._link.pulse()
        if found is not None:
            self.last = found
        now = self._clock.monotonic()
        if self.last.number == self._number:
            self._number += 1
            self._asked_at, self._vain = now, 0
            self._link.ping(self._number)
            return found
        self._vain += 1
        if self._vain >= LOOKS and now - self._asked_at >= patience:
            raise TracerLost(f"the tracer was silent for {now - self._asked_at:.1f} s and is killed")
        self._link.ping(self._number)  # it may have missed the call for the one before (tracer/process.py)
        return found
