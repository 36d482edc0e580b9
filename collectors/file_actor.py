"""Who may have changed a file. inotify names no process, so there is only evidence, from strong to weak:

- `descriptor`: one process has the file open for writing, stands at its end and has written something; or, where the
  file was opened, has had it open only since then.
- `argument`: of the processes that were there, exactly one was started with arguments that name the file, a short time
  before or from a terminal; of a parent and its child the child counts.
- `alone`: there was only one process in the container, no other can have come and gone unseen, and the file lies where
  no other container reaches.

Else those that were there are candidates, and nobody is named.
"""

import os
import stat
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from collectors.actor_arguments import names_file
from collectors.actor_descriptors import Descriptors
from collectors.file_changes import INOTIFY, SCAN, Change
from collectors.procfs import text
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.events import Process
from sensor.model.kinds import Kind
from sensor.model.protocols import HOST, TaskView

DESCRIPTOR, ARGUMENT, ALONE = "descriptor", "argument", "alone"

STARTED_S = 2.0
"""A process that names the file was started at most so long before the change, unless it has a terminal."""
MOST_CANDIDATES = 8

_NS = 1_000_000_000


class Actor(NamedTuple):
    """Who it was and by which evidence, or who may have been; `cut` where there were more candidates than are kept."""

    process: Process | None = None
    evidence: str | None = None
    candidates: tuple[str, ...] = ()
    cut: bool = False


class Actors:
    """Asked for each change that is told, as soon as possible."""

    def __init__(self, task: TaskView, counters: Counters, clock: Clock) -> None:
        self.descriptors = Descriptors(task, counters, clock)
        self._task = task
        self._counters = counters
        self._clock = clock
        self._unexplained = (counters.unexplained, float("-inf"))
        self._recent: dict[tuple[str, float], list[Process]] = {}

    def new_turn(self) -> None:
        """Before the changes that are told in one go."""
        self.descriptors.new_turn()
        self._recent.clear()
        self._task.catch_up()
        if self._counters.unexplained != self._unexplained[0]:
            self._unexplained = (self._counters.unexplained, self._clock.monotonic())

    def of(self, change: Change, status: os.stat_result | None, *, apart: bool) -> Actor:
        """Who did it, as far as can be told. `status` is the file's; `apart`: no other container reaches it."""
        since = change.since or self._clock.monotonic()
        holders = self._holders(change, status)
        if len(holders) == 1:
            return Actor(holders[0], DESCRIPTOR)
        if change.source not in (INOTIFY, SCAN):
            return Actor()  # when it happened is not known, so anybody may have been
        there = self._there(change.container, since)
        named = _last_of_line([process for process in there if self._names(process, change, since)])
        if len(named) == 1:
            return Actor(named[0], ARGUMENT)
        if len(there) == 1 and apart and self._sees_all(change, since):
            return Actor(there[0], ALONE)
        return _candidates([*holders, *named, *there])

    def _there(self, container: str, since: float) -> list[Process]:
        """Who lived in the container at any time since then, newest first; asked once for all changes of a turn."""
        key = (container, since)
        if key not in self._recent:
            self._recent[key] = [one.process for one in self._task.recent(container, since)]
        return self._recent[key]

    def _holders(self, change: Change, status: os.stat_result | None) -> list[Process]:
        if status is None or not stat.S_ISREG(status.st_mode):
            return []
        key = (change.container, change.path)
        if change.kind is Kind.FILE_OPEN:
            pids = self.descriptors.openers(key, status)
        elif change.kind in (Kind.FILE_CREATE, Kind.FILE_MODIFY):
            pids = self.descriptors.writers(key, status, created=change.kind is Kind.FILE_CREATE)
        else:
            return []  # a mode, a name or an end takes no descriptor
        return [process for pid in pids if (process := self._task.process(pid)) is not None]

    def _names(self, process: Process, change: Change, since: float) -> bool:
        earliest = self._clock.wall() - int((self._clock.monotonic() - since + STARTED_S) * _NS)
        if process.tty is None and (process.start is None or process.start < earliest):
            return False
        paths = (change.path,) if change.old_path is None else (change.path, change.old_path)
        return any(names_file(process, text(path), opened=change.kind is Kind.FILE_OPEN) for path in paths)

    def _sees_all(self, change: Change, since: float) -> bool:
        """Whether every process that there was is known."""
        return change.container != HOST and self._unexplained[1] < since and self._task.is_up_to_date()


def _last_of_line(processes: Sequence[Process]) -> list[Process]:
    above = {ancestor.entity for process in processes for ancestor in process.ancestors}
    return [process for process in processes if process.entity not in above]


def _candidates(processes: Iterable[Process]) -> Actor:
    entities = list(dict.fromkeys(process.entity for process in processes))
    return Actor(candidates=tuple(entities[:MOST_CANDIDATES]), cut=len(entities) > MOST_CANDIDATES)
