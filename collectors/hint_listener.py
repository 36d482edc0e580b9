"""Listens to the exec hints while that is affordable, and hands what was opened to the matching."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from collectors.allowance import Overdraft
from collectors.exec_hints import ExecHints, Opened
from collectors.open_hints import OpenHints
from collectors.pace import HINTS_PER_SECOND, HINTS_SAVED
from sensor.model.clock import Clock
from sensor.model.counters import Counters

OLD_READS = 12
"""Reads of what was opened while nobody listened: a full queue of usual names (fs.inotify.max_queued_events), in which
all is old. Who opens programs faster than we read would otherwise keep the loop reading for ever."""
OPENS_A_WAKE = 64
"""So many opens cost about as much as a wake-up: of those that may be listened to they draw the same."""

log = logging.getLogger(__name__)


class HintListener:
    """`wake` is called when a program file was opened. Where inotify is refused it never is, and nothing is covered."""

    def __init__(
        self,
        *,
        root_of: Callable[[str], int | None],
        matching: OpenHints,
        wake: Callable[[], None],
        counters: Counters,
        clock: Clock,
    ) -> None:
        self._matching = matching
        self._wake = wake
        self._counters = counters
        self._clock = clock
        self._allowance = Overdraft(per_second=HINTS_PER_SECOND, burst=HINTS_SAVED, clock=clock)
        self._listening = False
        self._due = False
        self._hints: ExecHints | None = None
        try:
            self._hints = ExecHints(root_of, counters)
        except OSError as error:
            log.warning("no exec hints, short processes will be missed: %s", error)

    def enter(self, container_id: str, path: Iterable[bytes]) -> None:
        """A container is there; `path` are the directories of its PATH."""
        if self._hints is not None:
            self._hints.enter(container_id, path)

    def leave(self, container_id: str) -> None:
        """The container has ended."""
        if self._hints is not None:
            self._hints.leave(container_id)

    def ran(self, container_id: str | None, exe: str | None) -> None:
        """A program was seen to run from here."""
        if self._hints is not None and container_id is not None and exe is not None:
            self._hints.ran(container_id, exe)

    @property
    def is_listening(self) -> bool:
        """Whether whatever is opened wakes us."""
        return self._listening

    def cover(self, containers: Iterable[str]) -> bool:
        """Whether programs that start in these containers wake us while we listen."""
        hints = self._hints
        return hints is not None and all(hints.covers(container_id) for container_id in containers)

    def listen(self) -> None:
        """Be woken, unless that is not affordable now. What was opened while nobody listened is old."""
        if self._hints is None or self._listening or self._allowance.is_overdrawn():
            return
        for _ in range(OLD_READS):
            if not self._hints.read():
                break
            self._counters.add("hints.missed")
        else:
            self._counters.add("hints.unread")  # what is left came while we read, and is taken for new
        asyncio.get_running_loop().add_reader(self._hints.fileno(), self._woken)
        self._listening = True

    def stop(self) -> None:
        """Be woken no more for now."""
        if self._listening and self._hints is not None:
            asyncio.get_running_loop().remove_reader(self._hints.fileno())
        self._listening = False

    def read(self) -> list[Opened]:
        """What was opened by now; the matching has learnt of it. Too much of it, and we listen no more for now.

        Whoever calls looks afterwards at what is new, since nothing wakes us any more for those who opened it.
        """
        if self._hints is None or not self._listening:
            return []
        now, found = self._clock.monotonic(), self._hints.read()
        for opened in found:
            self._matching.opened(now, opened)
        self._draw(len(found) / OPENS_A_WAKE)
        return found

    def learn(self) -> None:
        """The same in the middle of a look or apart from one: where something was opened there will be another."""
        if self.read() and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._look_due)

    def close(self) -> None:
        """Release all watches."""
        self.stop()
        if self._hints is not None:
            self._hints.close()
            self._hints = None

    def _look_due(self) -> None:
        self._due = False
        if self._listening:
            self._woken()

    def _woken(self) -> None:
        self._draw(1)
        if self._listening:
            self._wake()

    def _draw(self, wakes: float) -> None:
        if self._allowance.draw(wakes):
            self.stop()
