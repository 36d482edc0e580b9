"""Follows the files of all containers while a `FileInotify` runs: from the kernel's queue to events."""

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

from collectors.container_reach import ContainerReach
from collectors.file_actor import Actors
from collectors.file_changes import POLL, RESCAN, Change, ChangeReader
from collectors.file_early import Early, came_ns
from collectors.file_events import OVERFLOW, overflow
from collectors.file_hold_off import HoldOff
from collectors.file_look import Look
from collectors.file_rescan import CLOCK_TICK_NS, FORGOTTEN, Rescan
from collectors.file_telling import FileTelling, Hashes
from collectors.inotify_stream import Notice
from collectors.process_table import DEAD_KEPT_S
from collectors.procfs import Procfs
from collectors.watch_coverage import Coverage
from collectors.watch_plan import Spot
from collectors.watch_status import coverage_status
from collectors.watch_table import LIMIT, Watcher, WatchTable
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.events import Timestamp
from sensor.model.protocols import Capability, Emit, TaskView
from sensor.model.times import NS

log = logging.getLogger(__name__)

TURN, TURN_S = 256, 0.02
"""Changes that are told before other work on the loop has its turn, about 10 ms, and how long they may take, since to
look for who made one takes 10 ms as well where many descriptors are open (`file_holders`)."""

FULL_READ = 200
"""A read of so many notices may have left some: even with the longest names 240 fill it."""

LOOK_TURNS = 8
"""While every read is full, what waits for a look or for the other half of a rename is told after so many turns."""

LAST_TURNS = 64
"""As many turns as a full queue of the kernel's (16,384 notices) takes to be told."""

LATENCY_S = 0.1
"""How late the loop may be when it is told that there are notices."""

RESCAN_S, LONGEST_PATIENCE_S = 5.0, 60.0
"""How long lies between two rescans after overflows at least, and how much longer at most while a storm goes on."""

COMPARED_S = 0.01
"""How long directories are compared before other work on the loop has its turn."""

RETRY_S = 5.0
LONGEST_RETRY_S = 300.0
"""How soon a container is tried again of which something could not be reached or watched; each time twice as long."""

LOG_S = 60.0
"""At most one line in this time says how many directories are not watched."""


class Stream(Watcher, Protocol):
    """What an `InotifyStream` does, or what stands in for it."""

    def read(self) -> list[Notice]: ...

    def discard(self) -> bool: ...


class _Retry(NamedTuple):
    """When a container is tried again, in monotonic seconds; how long after the last time; since when it is out of
    reach."""

    at: float
    delay: float
    unwatched_ns: Timestamp


class FileWatch:
    """Told of containers by the TaskView, and asked to `work` when the stream is readable or something is due."""

    def __init__(
        self,
        *,
        stream: Stream,
        plan: Spot,
        limit: int,
        task: TaskView,
        emit: Emit,
        procfs: Procfs,
        counters: Counters,
        clock: Clock,
        removed: Callable[[bytes], bool] = lambda _: False,
        hashes: Hashes | None = None,
    ) -> None:
        self._stream = stream
        self._task = task
        self._emit = emit
        self._reach = ContainerReach(task, procfs)
        self._counters = counters
        self._clock = clock
        self._removed = removed
        self._actors = Actors(task, counters, clock)
        self._table = WatchTable(stream, limit, self._actors.descriptors.unwatched)
        self._coverage = Coverage(
            plan=plan,
            table=self._table,
            reach=self._reach,
            counters=counters,
            removed=removed,
            secret_watched=self._actors.descriptors.watched,
        )
        self._early = Early(coverage=self._coverage, table=self._table, reach=self._reach)
        self._reader = ChangeReader(self._table, self._coverage)
        self._look = Look(reach=self._reach, names=self._table.names, counters=counters, clock=clock)
        self._telling = FileTelling(
            reach=self._reach,
            names=self._table.names,
            actors=self._actors,
            hashes=hashes,
            is_secret=self._table.is_secret,
            emit=emit,
            counters=counters,
            clock=clock,
        )
        self._hold_off = HoldOff()
        self._changes: Iterator[Change] | None = None
        self._filled = False
        self._turns = 0
        self._read_at = self._since = clock.monotonic()
        self._began_ns = self._all_read_ns = self._read_at_ns = self._compared_ns = clock.wall()
        self._lost_since_ns: Timestamp | None = None
        self._comparing: dict[str, Iterator[Change | None]] = {}
        self._comparing_since_ns = self._all_read_ns
        self._retries: dict[str, _Retry] = {}
        self._blind: dict[str, tuple[float, float]] = {}
        self._stopped: dict[str, float] = {}
        self._rescan_at = self._patience = 0.0
        self._logged = ("", 0.0)
        self.wake = asyncio.Event()
        """Set when there is work that neither the stream nor `next_due` could tell of."""

    def container_started(self, container_id: str) -> None:
        """Watch a container's directories; the sensor's own container is left out."""
        if container_id == self._task.left_out:
            return
        self._actors.descriptors.new_turn()
        self._reach_anew(container_id, RETRY_S)

    def container_stopped(self, container_id: str) -> None:
        """Tell what is left of a container, and let go of all in it at once."""
        self.finish(container_id)
        self._look.forget(container_id)
        self._actors.descriptors.forget(container_id)
        self._table.drop_container(container_id)
        self._comparing.pop(container_id, None)
        self._reach.forget(container_id)
        self._retries.pop(container_id, None)
        self._blind.pop(container_id, None)
        self._coverage.failed.pop(container_id, None)
        now = self._clock.monotonic()
        self._stopped = {one: at for one, at in self._stopped.items() if now - at < DEAD_KEPT_S}
        self._stopped[container_id] = now
        self.wake.set()  # others may have the room that it leaves

    def was_idle(self) -> None:
        """Nothing was to be read for `LATENCY_S` at least, until just now: what comes next has happened since."""
        self._read_at = max(self._read_at, self._clock.monotonic() - LATENCY_S)

    def work(self, most_s: float = TURN_S) -> bool:
        """One turn: read what is queued, tell what is to be told. True where more waits for the next turn. `most_s` is
        the longest that what is queued may take."""
        now = self._clock.monotonic()
        self._actors.new_turn()
        more = self._take_some(now, most_s) or self._filled
        self._turns += 1
        if not more:
            self._tell_waiting(now, paired_until=now)
        elif self._turns >= LOOK_TURNS:
            self._tell_waiting(now, paired_until=self._read_at)  # the second half may be the next to be read
        self._telling.tell(self._hold_off.due(now), self._since)
        self._retry(now)
        self._look_at_blind(now)
        self._rescan(now)
        compares = self._compare_some(now)
        return more or compares

    def discard(self) -> None:
        """Empty the kernel's queue without reading it, since that would take more than may be taken: it is lost."""
        if self._stream.discard():
            self._reader.overflowed()
            self._note_loss()

    def tell_waiting(self) -> None:
        """Tell what waits for more, where no more is read for now: it was discarded, or this is the end."""
        self._actors.new_turn()
        now, is_all_taken = self._clock.monotonic(), self._changes is None
        self._tell_waiting(now, paired_until=math.inf if is_all_taken else self._read_at)

    def compare(self) -> None:
        """Look what has changed since this was called before, where nothing is told of it."""
        since, self._compared_ns = self._compared_ns, self._clock.wall()
        self._begin_comparing(since, POLL)

    def next_due(self) -> float | None:
        """When there is work even if the stream stays silent, in monotonic seconds."""
        times = [self._reader.next_due(), self._hold_off.next_due()]
        times += [at for at, *_ in (*self._retries.values(), *self._blind.values())]
        if self._reader.overflows:
            times.append(self._rescan_at)
        return min((time for time in times if time is not None), default=None)

    @property
    def watches(self) -> int:
        """How many of the kernel's watches are held."""
        return len(self._table)

    @property
    def told(self) -> int:
        """How many changes became events."""
        return self._telling.told

    @property
    def folded(self) -> int:
        """How many changes were held back, to be told as one with others."""
        return self._hold_off.folded

    def status(self) -> Capability:
        """Whether all that should be watched is; the reason counts what is not."""
        return coverage_status(self._table)

    def finish(self, container: str | None = None) -> None:
        """Tell what is queued, and what is folded of a container (None: of all)."""
        for _ in range(LAST_TURNS):
            if not self.work(most_s=math.inf):
                break
        self.tell_waiting()
        self._telling.tell(self._hold_off.end(container), self._since)
        self._telling.finish()

    def _tell_waiting(self, now: float, *, paired_until: float) -> None:
        self._turns = 0
        self._fold(self._reader.unpaired(paired_until), now)
        self._fold(self._look.take(), now)

    def _take_some(self, now: float, most_s: float) -> bool:
        """Up to `TURN` changes, from a new read if the last one is used up; whether there may be more.

        Notices are taken one by one, since one of a new directory can mean a long list of files.
        """
        if self._changes is None:
            notices = self._read(now)
            self._changes = self._reader.read(notices, now, self._since)
        end = self._clock.monotonic() + most_s
        for taken, change in enumerate(self._changes, 1):
            self._take(change, now)
            if taken == TURN or self._clock.monotonic() > end:
                break
        else:
            self._changes = None
        if self._reader.overflows:
            self._note_loss()
        return self._changes is not None

    def _read(self, now: float) -> list[Notice]:
        if not self._filled:  # so the last read took all that there was
            self._since, self._all_read_ns = self._read_at, self._read_at_ns
        self._read_at, self._read_at_ns = now, self._clock.wall()
        notices = self._stream.read()
        self._filled = len(notices) >= FULL_READ
        return notices

    def _note_loss(self) -> None:
        """Of what was lost it is known that it happened after the last time when all had been read."""
        if self._lost_since_ns is None:
            self._lost_since_ns = self._all_read_ns

    def _reach_anew(self, container: str, next_delay: float, unwatched_ns: Timestamp | None = None) -> None:
        """`unwatched_ns`: since when it could not be reached, where this is not the first attempt."""
        self._retries.pop(container, None)
        began_ns = Timestamp(self._clock.wall() - CLOCK_TICK_NS) if unwatched_ns is None else unwatched_ns
        try:
            self._reach.find_mounts(container)
            covered = self._cover(container, unwatched_ns)
        except OSError:  # no descriptor is left, for example: whoever told of the container goes on
            covered = False
        if not covered:
            self._retries[container] = _Retry(self._clock.monotonic() + next_delay, next_delay, began_ns)
        if not covered or self._coverage.failed:
            self.wake.set()  # so that the time is waited for
        self._log()

    def _cover(self, container: str, unwatched_ns: Timestamp | None) -> bool:
        """Watch a container; what its programs did before, while we watched or tried to, is looked for then."""
        self._look.begin(container)
        if not self._coverage.cover(container):
            return False
        if unwatched_ns is not None:
            self._counters.lost(FORGOTTEN)  # what went meanwhile
        stopped = self._stopped.get(container, 0.0)
        known_ns = (came_ns(self._task, container, self._began_ns, stopped), unwatched_ns)
        since_ns = min((ns for ns in known_ns if ns is not None), default=None)  # its first process may be forgotten
        if since_ns is not None:
            if not self._comparing:
                self._comparing_since_ns = self._clock.wall()
            since = self._clock.monotonic() - (self._clock.wall() - since_ns) / NS
            self._comparing[container] = self._early.changes(container, since_ns, since)
            self.wake.set()
        return True

    def _retry(self, now: float) -> None:
        for container, (at, delay, unwatched_ns) in list(self._retries.items()):
            if at <= now:
                self._reach_anew(container, min(delay * 2, LONGEST_RETRY_S), unwatched_ns)

    def _look_at_blind(self, now: float) -> None:
        """Where something could not be watched that may be by now, compare, which watches it: what it missed is told as
        lost. Until all is watched again, later each time.
        """
        for container in self._coverage.blind():
            self._blind.setdefault(container, (now + RETRY_S, RETRY_S))
        for container, (at, delay) in list(self._blind.items()):
            if at > now or container in self._comparing:
                continue
            if container not in self._coverage.failed:
                del self._blind[container]
                continue
            later = min(delay * 2, LONGEST_RETRY_S)
            self._blind[container] = (now + later, later)
            self._compare(container, self._all_read_ns, RESCAN)

    def _rescan(self, now: float) -> None:
        """After an overflow say so, and look what differs from what was known; also while more comes than is read,
        since that may not end. A comparison that is under way is not begun anew, so that it comes to its end."""
        earliest = self._rescan_at + (self._patience if self._filled else 0.0)
        if not self._reader.overflows or now < earliest or self._comparing or self._lost_since_ns is None:
            return
        count, self._reader.overflows = self._reader.overflows, 0
        since, self._lost_since_ns = self._lost_since_ns, None
        self._patience = min(2 * self._patience + RESCAN_S, LONGEST_PATIENCE_S) if self._filled else 0.0
        self._rescan_at = now + RESCAN_S
        self._counters.lost(OVERFLOW, count)
        self._emit(overflow(count, self._clock.wall()))
        self._begin_comparing(since, RESCAN)

    def _begin_comparing(self, since_ns: Timestamp, source: str) -> None:
        """What another comparison has not come to yet is looked at from where that one would have begun."""
        if self._comparing:
            since_ns = min(since_ns, self._comparing_since_ns)
        self._comparing_since_ns = since_ns
        for container in list(self._table.containers()):
            self._compare(container, since_ns, source)

    def _compare(self, container: str, since_ns: Timestamp, source: str) -> None:
        self._comparing[container] = Rescan(
            container=container,
            table=self._table,
            coverage=self._coverage,
            counters=self._counters,
            since_ns=since_ns,
            source=source,
        ).differences()
        self.wake.set()

    def _compare_some(self, now: float) -> bool:
        """As much as there is time for; whether there is more."""
        begin = self._clock.monotonic()
        while self._comparing:
            container, differences = next(iter(self._comparing.items()))
            for change in differences:
                if change is not None:
                    self._take(change, now)
                if self._clock.monotonic() - begin > COMPARED_S:
                    return True
            self._comparing.pop(container, None)
            self._fold(self._look.take(), now)
            self._log()
        return False

    def _take(self, change: Change, now: float) -> None:
        if self._removed(change.path) and (change.old_path is None or self._removed(change.old_path)):
            return
        if change.programs or change.unsure:
            self._fold(self._look.put(change), now)
        else:
            self._fold((change,), now)

    def _fold(self, changes: Iterable[Change], now: float) -> None:
        for change in changes:
            self._telling.tell(self._hold_off.offer(change, now, self._since), self._since)

    def _log(self) -> None:
        """One line when what is not watched has changed."""
        reason, now = self.status().reason or "", self._clock.monotonic()
        last, at = self._logged
        if reason and reason != last and (not last or now - at >= LOG_S):
            self._logged = (reason, now)
            usual = self._table.unwatched().keys() <= {LIMIT}  # as in a /tmp that is full
            log.log(logging.INFO if usual else logging.WARNING, "%s", reason)
