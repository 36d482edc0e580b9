"""What other processes may do to the sensor's own without any right that could be withheld, noticed and told.

Seen as root of a sibling container with the default capabilities: kill(2) and prlimit(2) ask for an equal uid and
nothing else, whatever the sensor's capabilities; without SYS_PTRACE of ours so do sched_setscheduler(2),
sched_setaffinity(2) and setpriority(2). A limit of 20 descriptors blinds a sensor whose heartbeats go on, so each look
compares with the start, puts back what may be put back (a hard limit or a priority may not), and says what it found.
A look that comes late says that the sensor did not run: it was stopped (the freezer) or got no CPU. SIGSTOP, however
short, is known by the SIGCONT behind it.
"""

import logging
import math
import os
import resource
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.events import CollectorHealth
from sensor.model.protocols import Status

INTERVAL_S = 10.0
STALL_S = 5.0
"""What a look may be late before that counts as a stall."""
TOLD = 8
"""Different findings that are kept for the reports; later ones are in the log and in the count."""

LIMITS = {
    f"RLIMIT_{name}": int(getattr(resource, f"RLIMIT_{name}"))
    for name in ("AS", "CORE", "CPU", "DATA", "FSIZE", "MEMLOCK", "NOFILE", "NPROC", "RSS", "STACK")
}
"""By name; getrlimit(2)."""

log = logging.getLogger("sensor")


class Terms(NamedTuple):
    """On which the kernel runs us: what `Traits` read at one moment, by name."""

    values: dict[str, object]

    def changes(self, now: "Terms") -> list[str]:
        """The names of what differs."""
        return [name for name, value in self.values.items() if now.values[name] != value]


class Traits:
    """The kernel's side, for the sensor's main thread."""

    def read(self) -> Terms:
        """As it is now."""
        limits: dict[str, object] = {name: resource.getrlimit(number) for name, number in LIMITS.items()}
        return Terms(
            limits
            | {
                "scheduler": os.sched_getscheduler(0),
                "affinity": frozenset(os.sched_getaffinity(0)),
                "nice": os.getpriority(os.PRIO_PROCESS, 0),
            }
        )

    def put_back(self, terms: Terms, name: str) -> None:
        """Have it as it was, as far as the kernel permits. Raises OSError or ValueError."""
        value = terms.values[name]
        if name in LIMITS and isinstance(value, tuple):
            _, hard = resource.getrlimit(LIMITS[name])
            resource.setrlimit(LIMITS[name], (_lower(value[0], hard), hard))
        elif name == "affinity" and isinstance(value, frozenset):
            os.sched_setaffinity(0, value)
        elif name == "scheduler" and isinstance(value, int):
            os.sched_setscheduler(0, value, os.sched_param(0))
        elif isinstance(value, int):
            os.setpriority(os.PRIO_PROCESS, 0, value)


class OwnProcess:
    """To be looked at every `INTERVAL_S` from the main thread. `changed` is called when there is something new to tell.

    Counts the losses `tampered` and `stalled`: what was missed meanwhile nobody knows.
    """

    def __init__(
        self, *, counters: Counters, clock: Clock, changed: Callable[[], None], traits: Traits | None = None
    ) -> None:
        self._counters = counters
        self._clock = clock
        self._changed = changed
        self._traits = traits or Traits()
        self._terms = self._traits.read()
        self._looked = clock.monotonic()
        self._continued = -math.inf
        self._owes_report = False
        self._told: dict[str, None] = {}

    def look(self) -> None:
        """Compare now with the last time."""
        news = [*self._stall(), *self._tampering()]
        for text in news:
            self.tell(text)
        if news or self._owes_report:
            self._owes_report = False
            self._changed()

    def continued(self, by: str) -> None:
        """It was stopped, for however short a time, and goes on. Told once in a while, since SIGCONT costs nothing,
        and reported with the next look: what waited is not read yet, and a report now would end before it."""
        now = self._clock.monotonic()
        at_most, self._looked = now - self._looked, now
        self._counters.lost("stalled")
        if now - self._continued < INTERVAL_S:
            return
        self._continued, self._owes_report = now, True
        self.tell(f"the sensor was stopped for {at_most:.0f} s at most, and told to go on by {by}")

    def tell(self, text: str) -> None:
        """Something that was done to the sensor: for the log and for all reports from now on."""
        log.warning("%s", text)
        if len(self._told) < TOLD:
            self._told[text] = None

    def health(self) -> dict[str, CollectorHealth]:
        """For the reports: nothing while nothing was done to it."""
        if not self._told:
            return {}
        return {"own_process": CollectorHealth(Status.DEGRADED, "; ".join(self._told))}

    def _stall(self) -> list[str]:
        now = self._clock.monotonic()
        late, self._looked = now - self._looked - INTERVAL_S, now
        if late < STALL_S:
            return []
        self._counters.lost("stalled")
        return [f"the sensor did not run for about {late:.0f} s: it was stopped or got no CPU"]

    def _tampering(self) -> list[str]:
        """What differs since the last look; what stays different is told once."""
        before, now = self._terms, self._traits.read()
        names = before.changes(now)
        if not names:
            return []
        self._counters.lost("tampered")
        for name in names:
            with suppress(OSError, ValueError):  # then it stays as it is, which is told
                self._traits.put_back(before, name)
        self._terms = self._traits.read()
        return [
            f"{name} was {_shown(before, name)}, was set to {_shown(now, name)} from outside"
            f" and is {_shown(self._terms, name)}"
            for name in names
        ]


def _lower(soft: int, hard: int) -> int:
    if hard == resource.RLIM_INFINITY:
        return soft
    return hard if soft == resource.RLIM_INFINITY else min(soft, hard)


def _shown(terms: Terms, name: str) -> str:
    value = terms.values[name]
    return str(sorted(value)) if isinstance(value, frozenset) else str(value)
