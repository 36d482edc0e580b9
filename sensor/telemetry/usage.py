"""What the sensor itself costs: the CPU share since the last look, and the memory of all its processes together.

A test compares it with psutil.
"""

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from sensor.model.clock import Clock
from sensor.model.errors import ProcessGone
from sensor.telemetry.proc_files import CSTIME, CUTIME, PAGE, STIME, TICKS, UTIME, behind_name, content


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


def figures(pid: int) -> Figures:
    """Read one process. Raises `ProcessGone` when it has ended, and `OSError`."""
    try:
        seconds = _cpu_s(content(f"/proc/{pid}/stat"))
        try:
            return Figures(seconds, _pss(content(f"/proc/{pid}/smaps_rollup")), True)
        except (PermissionError, FileNotFoundError):
            # a forked child of a process that is not dumpable, without SYS_PTRACE; a kernel without the file
            return Figures(seconds, int(content(f"/proc/{pid}/statm").split()[1]) * PAGE, False)
    except (FileNotFoundError, ProcessLookupError, IndexError, ValueError):  # what has ended is torn or empty
        raise ProcessGone(f"PID {pid}: gone") from None


def _cpu_s(stat: bytes) -> float:
    """Its own time and that of its children that have ended. Raises IndexError for a torn stat."""
    fields = behind_name(stat)
    return sum(int(fields[place]) for place in (UTIME, STIME, CUTIME, CSTIME)) / TICKS


def _pss(rollup: bytes) -> int:
    """Bytes by the line `Pss:  1234 kB` (Documentation/ABI/testing/procfs-smaps_rollup)."""
    return int(rollup[rollup.index(b"\nPss:") + 5 :].split(None, 1)[0]) * 1024


class UsageMeter:
    """Sums up the sensor and its children. `pids` names the children; the sensor itself is always counted."""

    def __init__(
        self,
        *,
        clock: Clock,
        pids: Callable[[], Iterable[int]],
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
            except ProcessGone:
                continue  # a helper that ended since it was listed costs nothing any more
        return found

    def _share(self, seconds: float) -> float | None:
        """Never negative, although a helper between its end and its parent's wait is missing from the sum."""
        now = self._clock.monotonic()
        last, self._last = self._last, (now, seconds)
        if last is None or now <= last[0]:
            return None
        return max(0.0, round(100 * (seconds - last[1]) / (now - last[0]), 3))
