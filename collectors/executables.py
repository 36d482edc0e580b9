"""The SHA-256 and the birth time of the programs that run, each file looked at once.

A look on the loop opens a handle (O_PATH) and compares numbers, about 15 µs; a file that is new is hashed by
`hash_worker`, beside the loop, if it is on a local file system, not too large, and within what may be hashed at all.
The handle comes from /proc/PID/exe, so what was deleted or only ever was in memory is no less readable.
"""

import os
import stat
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from collectors import path_opens, rootfs
from collectors.allowance import Allowance
from collectors.gated import GatedReads
from collectors.hash_worker import STOPPED, Hashed, HashWorker
from collectors.local_mounts import LocalMounts
from collectors.process_table import Tracked
from collectors.procfs import Procfs, text
from collectors.statx import born_ns, place
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone, SensorError
from sensor.model.events import Missing, Timestamp

MIB = 1 << 20
MOST_BYTES = 128 * MIB
"""Of one file; what is larger has no hash. Node.js is one file of 120 MB, most programs are below one."""
BYTES_PER_S = 4 * MIB
"""Of all files, over time: 0.2 to 1 % of a core. The first files of all may take `BURST_BYTES` at once."""
BURST_BYTES = 256 * MIB
MOST_FILES = 64
"""Files that wait to be hashed, each with a descriptor."""
MOST_WAITING = 1024
"""Callbacks that wait for them."""
REMEMBERED = 1024
UNSURE_NS = 20_000_000
"""A file that was changed so shortly before it is hashed may change once more without its time showing it: the kernel's
coarse clock ticks every 10 ms at the slowest."""

GONE, DENIED, NOT_LOCAL, TOO_LARGE, BUSY = "gone", "denied", "not local", "too large", "busy"


class Facts(NamedTuple):
    """What is known of an executable. `why_no_hash` says why `sha256` is None: one of the reasons above, one of
    `hash_worker`, or the error's text."""

    sha256: str | None = None
    born_ns: Timestamp | None = None
    why_no_hash: str | None = None


Done = Callable[[Facts], None]


class _Version(NamedTuple):
    """One content of one file: any change moves its ctime, which nobody can set."""

    device: int
    inode: int
    mode: int
    ctime_ns: int
    size: int

    @classmethod
    def of(cls, handle: int) -> "_Version":
        """The present one."""
        found = os.fstat(handle)
        return cls(found.st_dev, found.st_ino, found.st_mode, found.st_ctime_ns, found.st_size)


class _Waiting(NamedTuple):
    born_ns: Timestamp | None
    is_sure: bool
    dones: list[Done]


class Executables:
    """Used from the loop's thread only.

    `opened` is called right before an executable is opened in a way that fires an inotify watch, with the process it
    belongs to, so that whoever listens for opens can tell ours from others.
    """

    def __init__(
        self,
        *,
        gated: GatedReads,
        procfs: Procfs,
        counters: Counters,
        clock: Clock,
        make_worker: Callable[[], HashWorker] = HashWorker,
    ) -> None:
        self.opened: Callable[[Tracked], None] = _nobody
        self._gated = gated
        self._counters = counters
        self._clock = clock
        self._mounts = LocalMounts(procfs)
        self._known: OrderedDict[_Version, Facts] = OrderedDict()
        self._waiting: dict[_Version, _Waiting] = {}
        self._waiters = 0
        self._allowance = Allowance(per_second=BYTES_PER_S, burst=BURST_BYTES, clock=clock)
        self._make_worker = make_worker
        self._worker: HashWorker | None = None
        self._looks_are_noticed = _looks_are_noticed()

    def wanted(self, process: Tracked, done: Done) -> Facts | None:
        """The facts about what the process runs now: at once, and then `done` is not called; or None and later.

        Later `done` is called exactly once, on the loop or, with `stopped`, by `close`. Never raises for what a
        process, its files or the kernel do.
        """
        if self._looks_are_noticed:
            self.opened(process)
        try:
            with rootfs.held(self._gated.exe_file(process)) as handle:
                return self._look(process, handle, done)
        except ProcessGone:
            return Facts(why_no_hash=GONE)
        except AccessDenied:
            return Facts(why_no_hash=DENIED)
        except (OSError, SensorError) as error:
            return Facts(why_no_hash=_reason(error))

    def close(self) -> None:
        """Stop hashing, and tell all who wait. Safe to call more than once; a later `wanted` begins anew."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        waiting, self._waiting, self._waiters = self._waiting, {}, 0
        for file in waiting.values():
            for done in file.dones:
                done(Facts(born_ns=file.born_ns, why_no_hash=STOPPED))

    def _look(self, process: Tracked, handle: int, done: Done) -> Facts | None:
        if not self._mounts.has(place(handle), process):
            return Facts(why_no_hash=NOT_LOCAL)
        if process.exe is not None and text(os.readlink(os.fsencode(rootfs.path_of_watch(handle)))) != process.exe:
            return Facts(why_no_hash=GONE)  # it runs another program by now than the one that was read
        version = _Version.of(handle)
        if (facts := self._known.get(version)) is not None:
            self._known.move_to_end(version)
            return facts
        return self._hash(process, handle, version, done)

    def _hash(self, process: Tracked, handle: int, version: _Version, done: Done) -> Facts | None:
        """Have a version hashed that is new, once for all who ask meanwhile."""
        waiting = self._waiting.get(version)
        born = waiting.born_ns if waiting is not None else born_ns(handle)
        why = self._refusal(version)
        if why is None and waiting is None:
            why = self._put(process, handle, version, born)
        if why is not None:
            self._counters.add("executables.unhashed")
            return Facts(born_ns=born, why_no_hash=why)
        self._waiting[version].dones.append(done)
        self._waiters += 1
        return None

    def _refusal(self, version: _Version) -> str | None:
        if not stat.S_ISREG(version.mode):
            return NOT_LOCAL  # only a helper that was tampered with hands over such a thing
        if version.size > MOST_BYTES:
            return TOO_LARGE
        if self._waiters >= MOST_WAITING:
            return BUSY
        if version in self._waiting:
            return None
        may_be_hashed = len(self._waiting) < MOST_FILES and self._allowance.take(version.size)
        return None if may_be_hashed else BUSY

    def _put(self, process: Tracked, handle: int, version: _Version, born: Timestamp | None) -> str | None:
        """Hand the file to the worker; the reason where it cannot be read."""
        self.opened(process)
        age = self._clock.wall() - version.ctime_ns
        worker = self._worker = self._worker or self._make_worker()
        try:
            fd = rootfs.reopen_file(handle)
            worker.put(fd, version.size, version.ctime_ns, lambda hashed: self._hashed(version, hashed))
        except AccessDenied:
            return DENIED
        except (OSError, SensorError) as error:
            return _reason(error)
        self._waiting[version] = _Waiting(born, not 0 <= age < UNSURE_NS, [])
        return None

    def _hashed(self, version: _Version, hashed: Hashed) -> None:
        file = self._waiting.pop(version, None)
        if file is None:
            return  # told `stopped` already
        facts = Facts(hashed.sha256, file.born_ns, hashed.why)
        if hashed.sha256 is not None and file.is_sure:
            self._remember(version, facts)
        self._counters.add("executables.hashed" if hashed.sha256 is not None else "executables.unhashed")
        self._waiters -= len(file.dones)
        for done in file.dones:
            done(facts)

    def _remember(self, version: _Version, facts: Facts) -> None:
        self._known[version] = facts
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def drift(born: Timestamp | None, container_started: Timestamp | None) -> bool | None:
    """Whether the executable came after its container started; None where one of the two is not known.

    The comparison is exact, with no allowance: the start is that of the container's first process, rounded down to
    10 ms, and that is the runtime's, which still has to set up the container before any program of it can write a file.
    A file of the image that was changed since, if only its mode, counts as new: an overlay makes a copy of it. What an
    earlier run of the same container left counts as old. A wall clock that was set in between spoils the answer.
    """
    if born is None or container_started is None:
        return None
    return born > container_started


def complete(process: Tracked, facts: Facts, container_started: Timestamp | None) -> None:
    """Add the facts to the process they were wanted for, and to its `missing` what they lack.

    To be called only while it runs the program that it ran then. `container_started` is None outside containers,
    where nothing can be said of drift and so nothing is missing.
    """
    process.sha256 = facts.sha256
    process.drift = drift(facts.born_ns, container_started)
    missing = [m for m in process.missing if m.field not in ("process.sha256", "process.drift")]
    if process.sha256 is None:
        missing.append(Missing("process.sha256", facts.why_no_hash or "unsupported"))
    if process.drift is None and container_started is not None:
        missing.append(Missing("process.drift", facts.why_no_hash or "unsupported"))
    process.missing = tuple(missing)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _looks_are_noticed() -> bool:
    try:
        return path_opens.are_noticed()
    except OSError:
        return False  # no inotify: then nobody listens for opens either


def _nobody(process: Tracked) -> None:
    """Where our own opens are told until somebody listens for them."""
