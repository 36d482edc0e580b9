"""Which processes have a file open: each one's descriptors are looked at, within an allowance of time.

A process with 900 descriptors takes 7 ms. So one search ends after `LONGEST_S`, and over time they may take `SHARE` of
a core; the newest processes are asked first, and what was left out is counted.
"""

from collections.abc import Callable, Sequence

from collectors.allowance import Overdraft
from collectors.process_table import Tracked
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.protocols import Holders

LONGEST_S = 0.01
SHARE = 0.02
SAVED_S = 2.0

UNASKED = "holders.unasked"
"""Searches that were not made, since the allowance was used up."""
SKIPPED = "holders.skipped"
"""Processes that a search did not come to."""
DENIED = "holders.denied"
"""Processes whose descriptors may not be read."""


class FileHolders:
    """`processes` gives the living, newest first; `holds` is GatedReads.holds."""

    def __init__(
        self,
        processes: Callable[[], Sequence[Tracked]],
        holds: Callable[[Tracked, int, int], bool],
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._processes = processes
        self._holds = holds
        self._clock = clock
        self._counters = counters
        self._allowance = Overdraft(per_second=SHARE, burst=SAVED_S, clock=clock)

    def find(self, device: int, inode: int) -> Holders:
        """Who has the file open now; the sensor's own processes are left out."""
        if self._allowance.is_overdrawn():
            self._counters.add(UNASKED)
            return Holders(whole=False)
        begin = self._clock.monotonic()
        found = self._search(device, inode, begin + LONGEST_S)
        self._allowance.draw(self._clock.monotonic() - begin)
        return found

    def _search(self, device: int, inode: int, end: float) -> Holders:
        found, whole, processes = [], True, self._processes()
        for asked, process in enumerate(processes):
            if process.own:
                continue
            if self._clock.monotonic() > end:
                self._counters.add(SKIPPED, len(processes) - asked)
                whole = False
                break
            try:
                if self._holds(process, device, inode):
                    found.append(process.pid)
            except AccessDenied:
                self._counters.add(DENIED)
            except ProcessGone:
                continue
        return Holders(tuple(found), whole)
