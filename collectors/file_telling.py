"""Tells changes: looks at the file and for who did it, and holds the event of a program for the moment of its hash."""

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Protocol

from collectors import rootfs
from collectors.executable_facts import Facts as Hashed
from collectors.file_actor import Actors
from collectors.file_changes import Change
from collectors.file_events import Facts, drifts, event, facts, hashed
from collectors.procfs import text
from collectors.watch_coverage import Reach
from collectors.watch_names import KnownNames
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied
from sensor.model.events import Event
from sensor.model.protocols import Emit

HASH_S = 0.1
"""How long an event is held for the hash of its file; a later exec of the file waits longer than that to be told."""
LATE = "not yet"
OFF = "off"
OPEN_IS_TOLD = "secret"
"""Why a file that can run has no hash: there was no time, none are wanted, or it is one whose opening is told, ours
too."""


class Hashes(Protocol):
    """What `Executables` does for files that nobody runs yet."""

    def wanted_file(self, handle: int, container: str, path: str, done: Callable[[Hashed], None]) -> Hashed | None: ...


class FileTelling:
    """`hashes` is None where none are wanted; `is_secret` says whether the opening of a file is told."""

    def __init__(
        self,
        *,
        reach: Callable[[str], Reach | None],
        names: KnownNames,
        actors: Actors,
        hashes: Hashes | None,
        is_secret: Callable[[str, bytes], bool],
        emit: Emit,
        counters: Counters,
        clock: Clock,
    ) -> None:
        self._reach = reach
        self._names = names
        self._actors = actors
        self._hashes = hashes
        self._is_secret = is_secret
        self._emit = emit
        self._counters = counters
        self._clock = clock
        self.told = 0
        """How many changes became events."""
        self._held: dict[int, tuple[Event, asyncio.TimerHandle]] = {}
        self._last = 0

    def tell(self, changes: Iterable[Change], since: float) -> None:
        """Make events of changes that are due; `since` is for those that do not say when they can have happened."""
        for change in changes:
            if change.since is None:
                change = change._replace(since=since)
            self._counters.add("files.changes", change.count)
            self.told += 1
            reach = self._reach(change.container)
            found = facts(change, reach)
            if found.status is not None:
                directory, name = os.path.split(change.path)
                self._names.told(change.container, directory.rstrip(b"/"), name, found.status.st_ctime_ns)
            actor = self._actors.of(change, found.status, apart=found.apart)
            made = event(change, found, actor, self._clock.wall())
            if reach is not None and drifts(change, found):
                self._tell_program(change, reach, found, made)
            else:
                self._emit(made)

    def finish(self) -> None:
        """Tell all that is held, as it is."""
        for number in list(self._held):
            self._release(number, Hashed(why_no_hash=LATE))

    def _tell_program(self, change: Change, reach: Reach, found: Facts, made: Event) -> None:
        self._last += 1
        number, answered = self._last, Hashed(why_no_hash=OFF)
        if self._hashes is not None:
            answer = self._ask(self._hashes, change, reach, found, number)
            if answer is None:
                timer = asyncio.get_running_loop().call_later(HASH_S, self._release, number, Hashed(why_no_hash=LATE))
                self._held[number] = (made, timer)
                return
            answered = answer
        self._emit(hashed(made, answered.sha256, answered.why_no_hash or "unsupported"))

    def _ask(self, hashes: Hashes, change: Change, reach: Reach, found: Facts, number: int) -> Hashed | None:
        if self._is_secret(change.container, change.path):
            return Hashed(why_no_hash=OPEN_IS_TOLD)
        try:
            with rootfs.held(rootfs.open_handle(reach.root_fd, change.path, remote=reach.remote)) as handle:
                if found.status is None or os.fstat(handle).st_ino != found.status.st_ino:
                    return Hashed(why_no_hash="gone")
                path = text(change.path)
                return hashes.wanted_file(handle, change.container, path, lambda got: self._release(number, got))
        except (AccessDenied, rootfs.Refused, OSError) as error:
            return Hashed(why_no_hash=(error.strerror if isinstance(error, OSError) else None) or "denied")

    def _release(self, number: int, answer: Hashed) -> None:
        """The hash is there, or there is no more time; whichever comes second finds nothing."""
        held = self._held.pop(number, None)
        if held is not None:
            held[1].cancel()
            self._emit(hashed(held[0], answer.sha256, answer.why_no_hash or "unsupported"))
