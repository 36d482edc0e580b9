"""Changes that count only after a look at the file: in directories where only programs matter, and closes of files that
may not have been written at all.

A file in such a directory is of no interest while it is created, but when it can run: its creation is told then.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator

from collectors import rootfs
from collectors.allowance import Allowance
from collectors.file_changes import Change
from collectors.file_programs import can_run
from collectors.file_rescan import CLOCK_TICK_NS
from collectors.watch_coverage import Reach
from collectors.watch_names import KnownNames
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import SensorError
from sensor.model.kinds import Kind

RECENT_NS = 3_000_000_000
"""A file counts as written through a mapping if its status change time is as young as this when its close is seen, even
if it was told since: further writes to the same page move no time (`change_times`)."""

LOOKS_A_SECOND = 500
"""A look costs about 35 µs; an application that fills /tmp shall not make us spend more."""

REMEMBERED = 4096
"""How many new files, and how many programs that were told, are kept in mind, and how many changes wait for a look."""

GONE = "file_gone_before_look"
TOO_MANY = "file_look_skipped"
"""Reasons of losses: the file may or may not have been one to tell."""

_Path = tuple[str, bytes]


class Look:
    """`reach` gives the way into a container, None where there is none; `names` has what was told of each file."""

    def __init__(
        self, *, reach: Callable[[str], Reach | None], names: KnownNames, counters: Counters, clock: Clock
    ) -> None:
        self._reach = reach
        self._names = names
        self._counters = counters
        self._clock = clock
        self._waiting: dict[tuple[str, bytes, Kind], Change] = {}
        self._young: OrderedDict[_Path, None] = OrderedDict()
        self._told: OrderedDict[_Path, None] = OrderedDict()
        self._began_ns: dict[str, int] = {}
        self._allowance = Allowance(per_second=LOOKS_A_SECOND, burst=LOOKS_A_SECOND, clock=clock)

    def put(self, change: Change) -> Iterator[Change]:
        """Keep a change until `take`; the deletion of a program that was told comes back at once."""
        path = (change.container, change.path)
        if change.kind is not Kind.FILE_DELETE:
            self._wait((*path, change.kind), change)
            return
        waiting = [self._waiting.pop((*path, kind), None) for kind in (Kind.FILE_CREATE, Kind.FILE_MODIFY)]
        self._young.pop(path, None)
        if path in self._told:
            del self._told[path]
            yield change
        elif any(waiting):
            self._counters.lost(GONE)

    def take(self) -> Iterator[Change]:
        """Look at every file that waits, once, and give the changes that count; to be consumed whole."""
        waiting, self._waiting = self._waiting, {}
        looked: set[_Path] = set()
        for change in waiting.values():
            path = (change.container, change.path)
            if change.kind is Kind.FILE_MODIFY and path in looked:
                continue  # its creation has just been looked at, with what was written since
            looked.add(path)
            if self._counts(change):
                yield self._as_told(change)

    def begin(self, container: str) -> None:
        """The container is watched from now on."""
        self._began_ns.setdefault(container, self._clock.wall() - CLOCK_TICK_NS)

    def forget(self, container: str) -> None:
        """The container has ended."""
        self._began_ns.pop(container, None)
        for known in (self._young, self._told):
            for path in [path for path in known if path[0] == container]:
                del known[path]

    def _wait(self, key: tuple[str, bytes, Kind], change: Change) -> None:
        if key in self._waiting:
            return
        if len(self._waiting) >= REMEMBERED:
            self._counters.lost(TOO_MANY)
            return
        self._waiting[key] = change

    def _counts(self, change: Change) -> bool:
        if not self._allowance.take(1):
            self._counters.lost(TOO_MANY)
            return False
        reach = self._reach(change.container)
        try:
            return reach is not None and self._look(change, reach)
        except (OSError, SensorError):
            if change.programs:
                self._counters.lost(GONE)
            return False

    def _look(self, change: Change, reach: Reach) -> bool:
        status = rootfs.status(reach.root_fd, change.path, remote=reach.remote)
        if change.unsure and not self._was_changed(change, status.st_ctime_ns):
            return False
        if not change.programs:
            return True
        with rootfs.held(rootfs.open_handle(reach.root_fd, change.path, remote=reach.remote)) as handle:
            if can_run(handle, os.fstat(handle)):
                return True
        if change.kind is Kind.FILE_CREATE:
            _remember(self._young, (change.container, change.path))
        return False

    def _was_changed(self, change: Change, ctime_ns: int) -> bool:
        """Whether the file was changed lately, or since it was told last or, where nothing was told of it, since its
        container is watched: what is written through a mapping is written any time before the file is closed."""
        if ctime_ns >= self._clock.wall() - RECENT_NS:
            return True
        directory, name = os.path.split(change.path)
        names = self._names.of(change.container, directory.rstrip(b"/"))
        if names is None:
            return False
        told_ns, began_ns = names.get(name), self._began_ns.get(change.container)
        return ctime_ns != told_ns if told_ns is not None else began_ns is not None and ctime_ns >= began_ns

    def _as_told(self, change: Change) -> Change:
        """The first that is told of a new program is its creation, even where that was seen by a later write."""
        path = (change.container, change.path)
        if not change.programs:
            return change
        if change.kind is Kind.FILE_MODIFY and path in self._young:
            change = change._replace(kind=Kind.FILE_CREATE)
        self._young.pop(path, None)
        if change.old_path is not None:
            self._told.pop((change.container, change.old_path), None)
        _remember(self._told, path)
        return change


def _remember(known: OrderedDict[_Path, None], path: _Path) -> None:
    known[path] = None
    if len(known) > REMEMBERED:
        known.popitem(last=False)
