"""Takes in what has come: number by number as the kernel hands them out, and now and then whatever else is in /proc.

A number may be looked at too early, since it is handed out in the middle of a fork, or not at all: while more come than
may be looked at, or while /proc cannot be read. What of those lives is found by a look at /proc as a whole, which costs
1.3 µs a process there: soon after numbers went by, and every minute in any case.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress

from collectors.hint_listener import HintListener
from collectors.process_settling import Settling
from collectors.process_table import Tracked
from collectors.procfs import Stat
from collectors.task_view import Task
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone

UNBORN = 4
"""The newest numbers that may still be on their way."""
UNBORN_S = (0.003, 0.05)
"""After these times such a number is looked for again, since the kernel hands it out early in a fork. From the first
one on it counts as gone; the second finds most of what was held up in its fork, and a look at all there is the rest."""
UNTOLD_S = 0.25
"""After this time a tracer has told of all that it let go on: two of its pulses lie between, which settle the rest.
Only then does a number that it has not told of count as gone."""
MISSED_S = 1.0
"""Between two looks at all there is while numbers go by; what went by and has ended meanwhile was counted."""
EVERY_S = 60.0
"""Between two such looks otherwise."""
MOST_AT_ONCE = 64
"""Processes that one such look takes in, about 1 ms each; the others have their turn in the next."""

UNREADABLE = (OSError, AccessDenied)
"""What keeps from reading what anybody may read: want of descriptors, a faulty /proc, a security module."""


class Arrivals:
    """What was not there before. Uses the running loop's timers."""

    def __init__(
        self, *, processes: Task, settling: Settling, hints: HintListener, counters: Counters, clock: Clock
    ) -> None:
        self._processes = processes
        self._settling = settling
        self._hints = hints
        self._counters = counters
        self._clock = clock
        self._closed = False
        self._unborn = 0
        self._missed = False
        self._unknown: list[int] = []
        self._looked_at_all = clock.monotonic()

    @property
    def are_expected(self) -> bool:
        """Whether something may be there that is not known: a number on its way, or one that went by."""
        return bool(self._unborn or self._missed or self._unknown)

    def close(self) -> None:
        """Look for nothing any more: what was on its way counts as unexplained."""
        self._closed = True
        self._counters.unexplained += self._unborn
        self._unborn = 0

    def all_there(self) -> Iterator[Tracked]:
        """Every process there is but for our own, taken in."""
        procfs = self._processes.procfs
        for pid in procfs.pids():
            with suppress(ProcessGone):  # ended since it was listed
                if (process := self._taken_in(procfs.stat(pid))) is not None:
                    yield process

    # numbers, as they are handed out

    def look_at(self, numbers: Sequence[int], newest: int) -> None:
        """Take in what has these numbers. Where /proc cannot be read they count as unexplained, and as gone by."""
        self._counters.add("cursor.numbers", len(numbers))
        try:
            for pid in numbers:
                self._look_at(pid, newest)
        except UNREADABLE:
            self._counters.unexplained += len(numbers)
            self.unreadable()

    def unreadable(self) -> None:
        """What there was to be seen could not be read, for want of descriptors, say."""
        self._counters.lost("proc_unreadable")
        self.went_by()

    def _look_at(self, pid: int, newest: int) -> None:
        traced = self._processes.tracing.active
        if self._processes.tracing.claims(pid) if traced else self._found(pid):
            return
        if traced or 0 <= newest - pid < UNBORN:  # a tracer tells of a number a moment after it has let it go on
            self._hints.learn()  # what it opened, it opened before now
            now = self._clock.monotonic()
            asyncio.get_running_loop().call_later(UNBORN_S[0], self._second_look, pid, now)
            self._unborn += 1
        else:
            self._settling.unread(pid)

    def _second_look(self, pid: int, missed_at: float) -> None:
        if self._closed:
            return
        told = self._processes.tracing.claims(pid)
        if told or (not self._is_of_a_followed(pid) and self._found_late(pid)):
            self._unborn -= 1
        elif self._processes.tracing.active:
            asyncio.get_running_loop().call_later(UNTOLD_S, self._last_look, pid, missed_at)
        else:
            self._unborn -= 1
            self._settling.unread(pid, at=missed_at)
            asyncio.get_running_loop().call_later(UNBORN_S[1], self._last_look, pid)

    def _last_look(self, pid: int, missed_at: float | None = None) -> None:
        """`missed_at` of a number that has not counted as gone yet."""
        if self._closed:
            return
        found = self._found_late(pid)
        if missed_at is not None:
            self._unborn -= 1
            if not found:
                self._settling.unread(pid, at=missed_at)

    # all there is

    def went_by(self) -> None:
        """Numbers were handed out that nobody looked at, and were counted: what has them may live."""
        self._missed = True

    def are_due(self) -> bool:
        """Whether it is time to look at all there is, or at what the last such look has left."""
        since = self._clock.monotonic() - self._looked_at_all
        return bool(self._unknown) or since >= (MISSED_S if self._missed else EVERY_S)

    def look_at_all(self) -> None:
        """Take in what lives and is neither known nor waited for, `MOST_AT_ONCE` of them."""
        try:
            if not self._unknown:
                self._list_unknown()
            for _ in range(min(MOST_AT_ONCE, len(self._unknown))):
                self._look_at_unknown(self._unknown.pop())
        except UNREADABLE:
            self._unknown.clear()
            self.unreadable()

    def _list_unknown(self) -> None:
        self._looked_at_all = self._clock.monotonic()
        self._unknown = [pid for pid in reversed(self._processes.procfs.pids()) if not self._is_known(pid)]
        self._missed = False

    def _is_known(self, pid: int) -> bool:
        process = self._processes.living_process(pid)
        return process is not None and self._is_accounted_for(process)

    def _is_accounted_for(self, process: Tracked) -> bool:
        """Whether it was told, or is about to be, or runs no program of its own yet."""
        is_fork = process.settled and not process.executed
        return process.announced or process.traced or is_fork or self._settling.waits_for(process)

    def _look_at_unknown(self, pid: int) -> None:
        if self._is_of_a_followed(pid):
            asyncio.get_running_loop().call_later(UNTOLD_S, self._last_look, pid)
        else:
            self._found(pid)

    # one number

    def _is_of_a_followed(self, pid: int) -> bool:
        """Whether a tracer is about to tell of the number: it is alive, and was born of one that it follows, not left
        out by its parent (CLONE_UNTRACED, clone(2))."""
        if not self._processes.tracing.active:
            return False
        try:
            parent = self._processes.living_process(self._processes.procfs.stat(pid).ppid)
            if not self._processes.procfs.tracer(pid):
                return False
        except (ProcessGone, *UNREADABLE):
            return False
        return parent is not None and self._processes.tracing.follows(parent)

    def _found_late(self, pid: int) -> bool:
        """As `_found`, from a timer: what cannot be read now counts as not found."""
        try:
            return self._found(pid)
        except UNREADABLE:
            self.unreadable()
            return False

    def _found(self, pid: int) -> bool:
        """Look at a number for the first time; False where there is nothing of that number."""
        if self._processes.tracing.claims(pid):
            return True
        try:
            stat = self._processes.procfs.stat(pid)
            process = self._taken_in(stat)
        except ProcessGone:
            return False
        if process is not None and not process.own:
            self._processes.tracing.found(process)
            self._begin_above(process)
        if process is not None and not process.announced and not self._settling.waits_for(process):
            self._counters.processes += 1
            self._settling.begin(process, stat)
        return True

    def _begin_above(self, process: Tracked) -> None:
        """Its parent's own number may have been looked at before there was anything."""
        above = process.parent
        if above is None or above.ended is not None or above.own or self._processes.tracing.active:
            return
        if not self._is_accounted_for(above):
            self._found(above.pid)

    def _taken_in(self, stat: Stat) -> Tracked | None:
        """None for threads, for zombies whose end was told, and for our own, which is counted. Raises ProcessGone."""
        process = self._processes.track_by(stat)
        if process is None or process.ended is not None:
            return None
        if not process.own:
            return process
        if not process.announced:
            process.announced = process.settled = True
            self._counters.add("own_processes")
        return None
