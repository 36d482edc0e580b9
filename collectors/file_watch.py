"""Follows the files of all containers while a `FileInotify` runs: from the kernel's queue to events."""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from collectors.file_changes import Change, ChangeReader
from collectors.file_events import OVERFLOW, event, overflow
from collectors.file_hold_off import HoldOff
from collectors.file_look import Look
from collectors.inotify_stream import InotifyStream
from collectors.mounts import remote_mounts_in
from collectors.procfs import Procfs
from collectors.watch_coverage import DENIED, REMOTE, UNREACHABLE, Coverage, Reach
from collectors.watch_plan import Spot
from collectors.watch_table import BUDGET, WatchTable
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.protocols import HOST, Capability, Emit, Status, TaskView

log = logging.getLogger(__name__)

TURN = 256
"""Changes that are told before other work on the loop has its turn: about 10 ms."""

FULL_READ = 200
"""A read of so many notices may have left some: even with the longest names 240 fill it."""

LAST_TURNS = 64
"""As many turns as a full queue of the kernel's (16,384 notices) takes to be told."""

RESCAN_S = 5.0
"""At least this long lies between two rescans after overflows, whatever a workload does."""

RETRY_S = 5.0
LONGEST_RETRY_S = 300.0
"""How soon a container is tried again whose root could not be reached; each time twice as long."""

LOG_S = 60.0
"""At most one line in this time says how many directories are not watched."""


class FileWatch:
    """Told of containers by the TaskView, and asked to `work` when the stream is readable or something is due."""

    def __init__(
        self,
        *,
        stream: InotifyStream,
        plan: Spot,
        limit: int,
        task: TaskView,
        emit: Emit,
        procfs: Procfs,
        counters: Counters,
        clock: Clock,
    ) -> None:
        self._stream = stream
        self._task = task
        self._emit = emit
        self._procfs = procfs
        self._counters = counters
        self._clock = clock
        self._table = WatchTable(stream, limit)
        self._coverage = Coverage(plan=plan, table=self._table, reach=self._reach, counters=counters)
        self._reader = ChangeReader(self._table, self._coverage)
        self._look = Look(reach=self._reach, counters=counters, clock=clock)
        self._hold_off = HoldOff()
        self._changes: Iterator[Change] | None = None
        self._filled = False
        self._remote: dict[str, tuple[bytes, ...] | None] = {}
        self._retries: dict[str, tuple[float, float]] = {}
        self._rescan_at = 0.0
        self._logged = ("", 0.0)
        self.wake = asyncio.Event()
        """Set when there is work that neither the stream nor `next_due` could tell of."""

    def container_started(self, container_id: str) -> None:
        """Watch a container's directories; the sensor's own container is left out."""
        if container_id == self._task.own_container != HOST:
            return
        self._reach_anew(container_id, RETRY_S)

    def container_stopped(self, container_id: str) -> None:
        """Tell what is left of a container, and let go of all in it at once."""
        self.finish(container_id)
        self._look.forget(container_id)
        self._table.drop_container(container_id)
        self._remote.pop(container_id, None)
        self._retries.pop(container_id, None)

    def work(self) -> bool:
        """One turn: read what is queued, tell what is to be told. True where more waits for the next turn."""
        now = self._clock.monotonic()
        taken = self._take_some(now)
        if taken < TURN and not self._filled:
            self._fold(self._reader.unpaired(now), now)
            self._fold(self._look.take(), now)
        self._tell(self._hold_off.due(now))
        self._retry(now)
        self._rescan(now)
        return taken == TURN or self._filled

    def next_due(self) -> float | None:
        """When there is work even if the stream stays silent, in monotonic seconds."""
        times = [self._reader.next_due(), self._hold_off.next_due()]
        times += [at for at, _ in self._retries.values()]
        if self._reader.overflows:
            times.append(self._rescan_at)
        return min((time for time in times if time is not None), default=None)

    @property
    def watches(self) -> int:
        """How many of the kernel's watches are held."""
        return len(self._table)

    def status(self) -> Capability:
        """Whether all that should be watched is; the reason counts what is not."""
        unwatched = self._table.unwatched()
        if not unwatched:
            return Capability(Status.OK)
        reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(unwatched.items()))
        return Capability(Status.DEGRADED, f"directories not watched: {reasons}", _mend(unwatched))

    def finish(self, container: str | None = None) -> None:
        """Tell what is queued, and what is folded of a container (None: of all)."""
        for _ in range(LAST_TURNS):
            if not self.work():
                break
        now = self._clock.monotonic()
        self._fold(self._reader.unpaired(math.inf), now)  # nothing is queued that could be a second half
        self._tell(self._hold_off.end(container))

    def _take_some(self, now: float) -> int:
        """Up to `TURN` changes, from a new read if the last one is used up; how many there were.

        Notices are taken one by one, since one of a new directory can mean a long list of files.
        """
        if self._changes is None:
            notices = self._stream.read()
            self._filled = len(notices) >= FULL_READ
            self._changes = self._reader.read(notices, now)
        taken = 0
        for change in islice(self._changes, TURN):
            self._take(change, now)
            taken += 1
        if taken < TURN:
            self._changes = None
        return taken

    def _reach(self, container: str) -> Reach | None:
        root = self._task.root_of(container)
        return None if root is None else Reach(root, self._remote.get(container))

    def _reach_anew(self, container: str, next_delay: float) -> None:
        self._remote[container] = remote_mounts_in(self._task, self._procfs, container)
        self._cover(container, next_delay)

    def _cover(self, container: str, next_delay: float) -> None:
        self._retries.pop(container, None)
        if not self._coverage.cover(container):
            self._retries[container] = (self._clock.monotonic() + next_delay, next_delay)
            self.wake.set()  # so that the time is waited for
        self._log()

    def _retry(self, now: float) -> None:
        for container, (at, delay) in list(self._retries.items()):
            if at <= now:
                self._reach_anew(container, min(delay * 2, LONGEST_RETRY_S))

    def _rescan(self, now: float) -> None:
        """After an overflow: say so, and look anew which directories there are."""
        if not self._reader.overflows or now < self._rescan_at:
            return
        count, self._reader.overflows = self._reader.overflows, 0
        self._rescan_at = now + RESCAN_S
        self._counters.lost(OVERFLOW, count)
        self._emit(overflow(count, self._clock.wall()))
        for container in list(self._table.containers()):
            self._cover(container, RETRY_S)

    def _take(self, change: Change, now: float) -> None:
        if change.programs or change.unsure:
            self._fold(self._look.put(change), now)
        else:
            self._fold((change,), now)

    def _fold(self, changes: Iterable[Change], now: float) -> None:
        for change in changes:
            self._tell(self._hold_off.offer(change, now))

    def _tell(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self._counters.add(change.kind, change.count)
            self._emit(event(change, self._reach(change.container), self._clock.wall()))

    def _log(self) -> None:
        """One line when what is not watched has changed."""
        reason, now = self.status().reason or "", self._clock.monotonic()
        last, at = self._logged
        if reason and reason != last and (not last or now - at >= LOG_S):
            self._logged = (reason, now)
            log.warning("%s", reason)


_MENDS = {
    BUDGET: "raise fs.inotify.max_user_watches, a quarter of which is taken, or name fewer directories",
    UNREACHABLE: "give the sensor SYS_PTRACE, or let it start as root",
    DENIED: "let the sensor run as root with the default capabilities",
    REMOTE: "watch them where they are served: they can hang, and inotify does not see what other machines change",
}


def _mend(unwatched: Counter[str]) -> str | None:
    return next((mend for reason, mend in _MENDS.items() if unwatched[reason]), None)
