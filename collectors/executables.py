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

from collectors import change_times, path_opens, rootfs
from collectors.allowance import Allowance
from collectors.executable_facts import Facts
from collectors.gated import GatedReads
from collectors.hash_worker import STOPPED, Hashed, HashWorker
from collectors.local_mounts import LocalMounts
from collectors.process_table import Tracked
from collectors.procfs import Procfs, text
from collectors.program import DELETED
from collectors.statx import born_ns, place
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone, SensorError
from sensor.model.events import Timestamp
from sensor.model.resolution import Resolution, Step

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
WRITTEN_BACK_NS = 60_000_000_000
"""A file that was changed so long ago has been written back (30 s, and 5 until it is looked for;
Documentation/admin-guide/sysctl/vm.rst), so that settling it takes no time. A younger one is settled when it is wanted
for the second time: the first hash of what was just dropped must not wait for the disk."""

GONE, DENIED, NOT_LOCAL, TOO_LARGE, BUSY = "gone", "denied", "not local", "too large", "busy"


Done = Callable[[Facts], None]


class _Version(NamedTuple):
    """A file as it was when it was last changed, by its ctime, which nobody can set. A change through a shared mapping
    may leave that as it is: so a hash answers for a version only if the file was settled first (`change_times`)."""

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
    """A file that is being hashed. `settled`: the hash answers for its version, later and for who asks meanwhile."""

    version: _Version
    born_ns: Timestamp | None
    settled: bool
    dones: list[Done]


class Executables:
    """Used from the loop's thread only.

    `opened` is called right before an executable is opened in a way that fires an inotify watch, with the process it
    belongs to, so that whoever listens for opens can tell ours from others; `opened_file` the same for a file that no
    process belongs to, with its container and path. `resolution` says what is given up, in all of the task.
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
        self.opened_file: Callable[[str, str], None] = _nobody
        self._gated = gated
        self._counters = counters
        self._clock = clock
        self.resolution = Resolution()
        self._mounts = LocalMounts(procfs)
        self._known: OrderedDict[_Version, Facts] = OrderedDict()
        self._young: OrderedDict[_Version, None] = OrderedDict()
        self._waiting: dict[int, _Waiting] = {}
        self._shared: dict[_Version, _Waiting] = {}
        self._last = 0
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
        if process.exiting or process.ended is not None:
            return self._seen_by_tracer(process) or Facts(why_no_hash=GONE)
        if self._looks_are_noticed:
            self.opened(process)
        try:
            handle = self._gated.exe_file(process)
            try:
                return self._look(process, handle, done)
            finally:
                os.close(handle)
        except ProcessGone:
            return self._seen_by_tracer(process) or Facts(why_no_hash=GONE)
        except AccessDenied:
            return Facts(why_no_hash=DENIED)
        except (OSError, SensorError) as error:
            return Facts(why_no_hash=_reason(error))

    def _seen_by_tracer(self, process: Tracked) -> Facts | None:
        """What is known of the version of the file that a tracer saw, though the process has ended. What a process runs
        since its tracer was lost has none."""
        return self._known.get(_Version(*process.version)) if process.traced and process.version is not None else None

    def wanted_file(self, handle: int, container: str, path: str, done: Done) -> Facts | None:
        """The same for a file of a container that may be run one day, by its handle and the path that is told.

        The caller has seen to it that the file is on a file system that answers by itself (`rootfs`).
        """
        if self._looks_are_noticed:
            self.opened_file(container, path)  # by whoever opened the handle, just now
        try:
            return self._of_version(handle, lambda: self.opened_file(container, path), done, runs=False)
        except OSError as error:
            return Facts(why_no_hash=_reason(error))

    def close(self) -> None:
        """Stop hashing, and tell all who wait. Safe to call more than once; a later `wanted` begins anew."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        waiting, self._waiting, self._waiters = self._waiting, {}, 0
        self._shared.clear()
        for file in waiting.values():
            for done in file.dones:
                done(Facts(born_ns=file.born_ns, why_no_hash=STOPPED))

    def _look(self, process: Tracked, handle: int, done: Done) -> Facts | None:
        if not self._mounts.has(place(handle), process):
            return Facts(why_no_hash=NOT_LOCAL)
        if not _is_program_of(process, handle):
            # it runs another by now than the one that was read
            return self._seen_by_tracer(process) or Facts(why_no_hash=GONE)
        return self._of_version(handle, lambda: self.opened(process), done, runs=True)

    def _of_version(self, handle: int, opening: Callable[[], None], done: Done, *, runs: bool) -> Facts | None:
        """The facts about what the handle stands for; `opening` is called before it is opened."""
        version = _Version.of(handle)
        if (facts := self._known.get(version)) is not None:
            self._known.move_to_end(version)
            return facts
        waiting = self._shared.get(version)
        born = waiting.born_ns if waiting is not None else born_ns(handle)
        why = self._refusal(version)
        if why is None and waiting is None:
            waiting = _Waiting(version, born, runs and self._may_settle(handle, version), [])
            why = self._put(handle, waiting, opening)
        if why is not None or waiting is None:
            self._counters.add("executables.unhashed")
            return Facts(born_ns=born, why_no_hash=why)
        waiting.dones.append(done)
        self._waiters += 1
        return None

    def _refusal(self, version: _Version) -> str | None:
        if not stat.S_ISREG(version.mode):
            return NOT_LOCAL  # only a helper that was tampered with hands over such a thing
        if version.size > MOST_BYTES:
            return TOO_LARGE
        if self._waiters >= MOST_WAITING or self.resolution.gives_up(Step.HASHES):
            return BUSY
        if version in self._shared:
            return None
        may_be_hashed = len(self._waiting) < MOST_FILES and self._allowance.take(version.size)
        return None if may_be_hashed else BUSY

    def _may_settle(self, handle: int, version: _Version) -> bool:
        """Whether the file is to be settled; of a young one that was not wanted before it is noted that it was."""
        age = self._clock.wall() - version.ctime_ns
        if age < UNSURE_NS or not change_times.are_kept(handle):
            return False
        if age >= WRITTEN_BACK_NS or version in self._young:
            return True
        self._young[version] = None
        if len(self._young) > REMEMBERED:
            self._young.popitem(last=False)
        return False

    def _put(self, handle: int, file: _Waiting, opening: Callable[[], None]) -> str | None:
        """Hand the file to the worker; the reason where it cannot be read."""
        opening()
        self._last += 1
        number, version = self._last, file.version
        worker = self._worker = self._worker or self._make_worker()
        try:
            fd = rootfs.reopen_file(handle)
            worker.put(
                fd, version.size, version.ctime_ns, lambda hashed: self._hashed(number, hashed), settle=file.settled
            )
        except AccessDenied:
            return DENIED
        except (OSError, SensorError) as error:
            return _reason(error)
        self._waiting[number] = file
        if file.settled:
            self._shared[version] = file
        return None

    def _hashed(self, number: int, hashed: Hashed) -> None:
        file = self._waiting.pop(number, None)
        if file is None:
            return  # told `stopped` already
        if file.settled:
            self._shared.pop(file.version, None)
        facts = Facts(hashed.sha256, file.born_ns, hashed.why)
        if hashed.sha256 is not None and hashed.settled:
            self._remember(file.version, facts)
        self._counters.add("executables.hashed" if hashed.sha256 is not None else "executables.unhashed")
        self._waiters -= len(file.dones)
        for done in file.dones:
            done(facts)

    def _remember(self, version: _Version, facts: Facts) -> None:
        self._young.pop(version, None)
        self._known[version] = facts
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _is_program_of(process: Tracked, handle: int) -> bool:
    """Whether the handle has the path that was read; a program may delete itself in between."""
    if process.exe is None:
        return True
    path = text(os.readlink(rootfs.path_of_watch(handle).encode()))
    return path.removesuffix(DELETED) == process.exe.removesuffix(DELETED)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _looks_are_noticed() -> bool:
    try:
        return path_opens.are_noticed()
    except OSError:
        return False  # no inotify: then nobody listens for opens either


def _nobody(*_: object) -> None:
    """Where our own opens are told until somebody listens for them."""
