"""What the sensor itself costs: the CPU share since the last look, and the memory of all its processes together.

psutil reads the figures; it adds 0.9 MB of resident memory and a look takes 0.3 ms a process. Its search for children
reads the stat of every process of the task, so a caller that knows its helpers hands over their PIDs.
"""

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

import psutil

from sensor.model.clock import Clock


class Usage(NamedTuple):
    """`cpu_percent` of one core since the last look, None at the first. `memory_bytes` is the proportional set size.

    `inexact` says why the memory is not exactly that: for some processes only the resident size could be read,
    which counts shared pages in full.
    """

    cpu_percent: float | None
    memory_bytes: int
    inexact: str | None = None


class Figures(NamedTuple):
    """One process: CPU seconds, those of the children it has waited for included; bytes; whether they are PSS."""

    cpu_s: float
    memory_bytes: int
    is_pss: bool


def child_pids() -> list[int]:
    """All processes below this one."""
    return [child.pid for child in psutil.Process().children(recursive=True)]


def figures(pid: int) -> Figures:
    """Read one process. Raises `psutil.NoSuchProcess` when it has ended."""
    process = psutil.Process(pid)
    times = process.cpu_times()
    seconds = times.user + times.system + times.children_user + times.children_system
    try:
        return Figures(seconds, process.memory_full_info().pss, True)
    except psutil.AccessDenied:  # a forked child of a process that is not dumpable, without SYS_PTRACE
        return Figures(seconds, process.memory_info().rss, False)


class UsageMeter:
    """Sums up the sensor and its children. `pids` names the children; the sensor itself is always counted."""

    def __init__(
        self,
        *,
        clock: Clock,
        pids: Callable[[], Iterable[int]] = child_pids,
        read: Callable[[int], Figures] = figures,
    ) -> None:
        self._clock = clock
        self._pids = pids
        self._read = read
        self._last: tuple[float, float] | None = None
        self._memory_bytes = 0

    def look(self) -> Usage:
        """Measure now; the CPU share covers the time since the last look. Where that fails the memory is that one's."""
        try:
            found = self._all()
        except OSError as error:  # no descriptor is left, for example: a report without figures is a report
            return Usage(None, self._memory_bytes, f"of an earlier look: {error.strerror or error}")
        resident = sum(not one.is_pss for one in found)
        self._memory_bytes = sum(one.memory_bytes for one in found)
        return Usage(
            cpu_percent=self._share(sum(one.cpu_s for one in found)),
            memory_bytes=self._memory_bytes,
            inexact=f"resident instead of proportional size for {resident} of {len(found)} processes"
            if resident
            else None,
        )

    def _all(self) -> list[Figures]:
        found = []
        for pid in {os.getpid(), *self._pids()}:
            try:
                found.append(self._read(pid))
            except psutil.NoSuchProcess:
                continue  # a helper that ended since it was listed costs nothing any more
        return found

    def _share(self, seconds: float) -> float | None:
        """Never negative, although a helper between its end and its parent's wait is missing from the sum."""
        now = self._clock.monotonic()
        last, self._last = self._last, (now, seconds)
        if last is None or now <= last[0]:
            return None
        return max(0.0, round(100 * (seconds - last[1]) / (now - last[0]), 3))
