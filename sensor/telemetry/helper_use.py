"""What the sensor's processes besides the main one use: the launcher, its helpers, a tracer, the compiler of rules.

For the governor, which looks every few seconds: two small reads for each (proc_pid_stat(5), proc_pid_statm(5)).
`sensor.telemetry.usage` measures more exactly, for the reports.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from sensor.telemetry.proc_files import (
    PAGE,
    START,
    STIME,
    TICKS,
    UTIME,
    Read,
    behind_name,
    content,
    content_or_nothing,
)


class _Life(NamedTuple):
    """One process, whatever has its number later."""

    pid: int
    start: bytes


class HelperUse:
    """`pids` names the processes of now. One that cannot be read, or has ended, is passed over."""

    def __init__(self, pids: Callable[[], Iterable[int]], read: Read = content) -> None:
        self._pids = pids
        self._read = read
        self._seconds: dict[_Life, float] = {}
        self._used = 0.0

    def cpu_s(self) -> float:
        """CPU seconds since the start, of those that have ended too: up to the last time that this was asked."""
        pids = set(self._pids())
        found = dict(self._of_each(pids))
        self._used += sum(max(0.0, seconds - self._seconds.get(life, 0.0)) for life, seconds in found.items())
        unread = pids - {life.pid for life in found}  # no descriptor is left, say: all that it used is not used anew
        self._seconds = {life: seconds for life, seconds in self._seconds.items() if life.pid in unread} | found
        return self._used

    def memory(self) -> int:
        """Bytes of their own, about, of those that were there when `cpu_s` was asked.

        They are forks of one process and share what it had: that is counted once, and of each what it has more.
        """
        own = [size for life in self._seconds if (size := self._anonymous(life.pid))]
        shared = min(own, default=0)
        return shared + sum(size - shared for size in own)

    def _of_each(self, pids: Iterable[int]) -> Iterable[tuple[_Life, float]]:
        for pid in pids:
            fields = behind_name(self._text(pid, "stat"))
            if len(fields) > START:
                yield _Life(pid, fields[START]), (int(fields[UTIME]) + int(fields[STIME])) / TICKS

    def _anonymous(self, pid: int) -> int:
        """Resident, without pages of files, which the main process has as well."""
        fields = self._text(pid, "statm").split()
        return (int(fields[1]) - int(fields[2])) * PAGE if len(fields) > 2 else 0

    def _text(self, pid: int, name: str) -> bytes:
        return content_or_nothing(f"/proc/{pid}/{name}", self._read)
