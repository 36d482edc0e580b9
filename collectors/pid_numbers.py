"""The numbers that the kernel hands out to processes and threads."""

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from collectors.procfs import Procfs
from sensor.model.clock import Clock
from sensor.model.errors import AccessDenied, ProcessGone

RESERVED_PIDS = 300
"""Where the kernel begins again after pid_max (kernel/pid.c)."""
MOST_NUMBERS = 65_536
"""A longer way of the cursor between two looks is no way but a jump."""
FASTEST = 20_000
"""Numbers a second that are not thought to be handed out: below it nobody has to ask whether they went round."""
COUNTED_S = 10.0
"""So old is the kernel's count of forks at most that the next one is compared with: /proc/stat is long."""


class Handed(NamedTuple):
    """The numbers since the look before, None after a jump; the newest; and how many more at most nobody has seen."""

    numbers: Sequence[int] | None
    newest: int
    unseen: int


class PidNumbers:
    """The number handed out last in this PID namespace (fifth field of /proc/loadavg), followed from look to look.

    It is read many times a second by one descriptor kept open, since opening costs more than reading. Between `close`
    and the next `open` nobody looks, and what is handed out then is new afterwards.
    """

    def __init__(self, procfs: Procfs, clock: Clock) -> None:
        self._procfs = procfs
        self._rounds = Rounds(procfs, clock, self._tasks)
        self._fd = -1
        self._last: int | None = None
        self._pid_max = 0

    def open(self) -> None:
        """Begin, or go on. Raises OSError."""
        self.close()
        self._fd = os.open(f"{self._procfs.root}/loadavg", os.O_RDONLY | os.O_CLOEXEC)
        self._pid_max = int(self._procfs.read("sys/kernel/pid_max", 32))
        self._last = self._read() if self._last is None else self._last

    def close(self) -> None:
        """Release the descriptor. Safe to call twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def are_new(self) -> bool:
        """Whether any was handed out since the last look."""
        return self._read() != self._last

    def went_round(self) -> int:
        """To be asked instead of `look` where none are new: how many nobody has seen, since they went round."""
        return self._rounds.missed(0, self._pid_max)

    def look(self) -> Handed:
        """What was handed out since the last look. Raises OSError, and then nothing has been taken."""
        now = self._read()
        last = now if self._last is None else self._last
        if now < last:
            self._pid_max = int(self._procfs.read("sys/kernel/pid_max", 32))  # whoever may set it may have
        numbers = handed_out(last, now, self._pid_max)
        if numbers is None:
            unseen = self._rounds.jumped((now - last) % self._pid_max)
        else:
            unseen = self._rounds.missed(len(numbers), self._pid_max)
        self._last = now
        return Handed(numbers, now, unseen)

    def _read(self) -> int:
        return int(os.pread(self._fd, 256, 0).split()[4])

    def _tasks(self) -> int:
        """Processes and threads that there are, in all namespaces (proc_loadavg(5), behind the slash)."""
        return int(os.pread(self._fd, 256, 0).split()[3].partition(b"/")[2])


class Rounds:
    """How often the numbers went round, unseen by the cursor, between two looks: while we were stopped, say.

    The kernel counts all forks since it was started, in whatever namespace: elsewhere's are in it, so it gives a bound.
    A round passes over the numbers that are in use: it hands out fewer than there are. `tasks` says how many are there.
    """

    def __init__(self, procfs: Procfs, clock: Clock, tasks: Callable[[], int]) -> None:
        self._procfs = procfs
        self._tasks = tasks
        self._clock = clock
        self._looked = clock.monotonic()
        self._counted = float("-inf")
        self._forks: int | None = None
        self._seen = 0
        self._unsure = False

    def missed(self, seen: int, pid_max: int) -> int:
        """To be asked at every look: the most numbers that were handed out besides those `seen` now, where there was
        time for a round and there were forks enough for one, as many as are not in use now.

        What cannot be read is left for the next look.
        """
        now = self._clock.monotonic()
        since, self._looked = now - self._looked, now
        self._seen += seen
        round_of = max(1, pid_max - RESERVED_PIDS)
        self._unsure = self._unsure or since * FASTEST > round_of
        if not self._unsure and now - self._counted < COUNTED_S:
            return 0
        unseen = self._new_forks()
        if unseen is None:
            return 0
        unsure, self._unsure = self._unsure, False
        return unseen if unsure and unseen >= round_of - self._tasks() else 0

    def jumped(self, numbers: int) -> int:
        """The most that were handed out where the cursor went so far at once, or was set: no more than there were forks
        since the last count, where that is known.
        """
        self._looked = self._clock.monotonic()
        unseen = self._new_forks()
        return numbers if unseen is None else min(numbers, unseen)

    def _new_forks(self) -> int | None:
        """Since the last count, without those seen; None where that cannot be read now, or was never."""
        try:
            forks = self._procfs.forks()
        except (OSError, ProcessGone, AccessDenied, ValueError):
            return None
        before, self._forks, self._counted = self._forks, forks, self._clock.monotonic()
        seen, self._seen = self._seen, 0
        return None if before is None else max(0, forks - before - seen)


def handed_out(last: int, now: int, pid_max: int) -> Sequence[int] | None:
    """The numbers after `last` up to `now`; past pid_max the kernel begins again at `RESERVED_PIDS`.

    None for a jump: somebody set the cursor (ns_last_pid), or far too many numbers went by to look at each.
    """
    if now >= last:
        numbers: Sequence[int] = range(last + 1, now + 1)
    elif pid_max - last > MOST_NUMBERS:
        return None
    else:
        numbers = [*range(last + 1, pid_max), *range(RESERVED_PIDS, now + 1)]
    return numbers if len(numbers) <= MOST_NUMBERS else None
