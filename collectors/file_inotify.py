"""File changes in every container, by inotify on the directories that matter (`collectors.watch_list`).

The queue is read when it becomes readable and then not before another moment has passed, since each wake-up costs ten
times what a notice costs: a short one, so that who did it is still there to be found, while such wake-ups are few; 0.1
seconds where they are many, or where all that was read is folded anyway. While nothing happens nothing wakes us. Where
inotify is refused the directories are compared every few seconds.
"""

import asyncio
import errno
import logging
from collections.abc import Callable, Sequence
from contextlib import closing

from collectors import rootfs
from collectors.allowance import Allowance
from collectors.file_poll import POLL_S, NoNotices
from collectors.file_rescan import FORGOTTEN
from collectors.file_telling import Hashes
from collectors.file_watch import LATENCY_S, FileWatch
from collectors.inotify_stream import InotifyStream
from collectors.pace import OTHERS, CpuShare, Spent, cores_of_container
from collectors.procfs import Procfs
from collectors.watch_limit import FEW_WATCHES, most_watches
from collectors.watch_paths import removed, watch_list
from collectors.watch_plan import plan
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.protocols import Capability, Emit, Status, TaskView

COALESCE_S = 0.1
SOON_S = 0.01
SOON_PER_SECOND = 25
SOON_SAVED = 250
"""Reads that follow the one before so soon; at 70 µs each that is 0.2 % of a core."""

STORM_S = 1.0
"""Between two times that the queue is emptied unread, while more was used than the share."""

log = logging.getLogger(__name__)


class FileInotify:
    """`file.create`, `file.modify`, `file.delete`, `file.rename`, `file.attributes`, and `file.open` of secrets.

    `paths` are globs of more directories and files to watch in every container or, with a `!`, of those to leave
    alone. Raises WrongConfiguration where they are none. `hashes` is None where none are wanted. `cores` are what the
    task has; what is used of them is added to `spent`.
    """

    name = "file_inotify"

    def __init__(
        self,
        *,
        counters: Counters,
        clock: Clock,
        paths: Sequence[str] = (),
        procfs: Procfs | None = None,
        hashes: Hashes | None = None,
        cores: Callable[[], float] = cores_of_container,
        spent: Spent | None = None,
        make_stream: Callable[[], InotifyStream] = InotifyStream,
    ) -> None:
        self._counters = counters
        self._clock = clock
        self._plan = plan(watch_list(paths))
        self._removed = removed(paths)
        self._procfs = procfs or Procfs()
        self._hashes = hashes
        self._cores = cores
        self._spent = spent
        self._make_stream = make_stream
        self._watch: FileWatch | None = None
        self._refused: Capability | None = None

    def probe(self) -> Capability:
        """Whether inotify and openat2 work and leave room; which roots can be reached shows in `status`."""
        opening = rootfs.capability()
        if opening.status is not Status.OK:
            return opening
        if self._is_refused() and self._refused is not None:
            return self._refused
        if (limit := most_watches(self._procfs)) < FEW_WATCHES:
            reason = f"room for {limit} watches, a quarter of fs.inotify.max_user_watches"
            return Capability(Status.DEGRADED, reason, "raise fs.inotify.max_user_watches")
        return Capability(Status.OK)

    def status(self) -> Capability:
        """While it runs: which directories are not watched, counted by reason. Else what `probe` says."""
        if self._watch is None:
            return self.probe()
        found = self._watch.status()
        if self._refused is None:
            return found
        reasons = [reason for reason in (self._refused.reason, found.reason) if reason]
        return self._refused._replace(reason="; ".join(reasons), figures=found.figures)

    @property
    def watches(self) -> int:
        """How many of the kernel's watches are held, or directories compared."""
        return 0 if self._watch is None else self._watch.watches

    async def run(self, task: TaskView, emit: Emit) -> None:
        """Watch all containers until cancelled."""
        while self._is_refused():
            log.warning("%s", self._refused and self._refused.reason)
            await self._run(NoNotices(), None, task, emit)
            self._counters.lost(FORGOTTEN)  # what happens between the last comparison and the first watch
        with closing(self._make_stream()) as stream:
            await self._run(stream, stream, task, emit)

    async def _run(
        self, stream: InotifyStream | NoNotices, readable: InotifyStream | None, task: TaskView, emit: Emit
    ) -> None:
        self._watch = watch = FileWatch(
            stream=stream,
            plan=self._plan,
            limit=most_watches(self._procfs),
            task=task,
            emit=emit,
            procfs=self._procfs,
            counters=self._counters,
            clock=self._clock,
            removed=self._removed,
            hashes=self._hashes,
        )
        try:
            task.listen(watch)
            await (self._poll(watch) if readable is None else self._follow(readable, watch))
        except asyncio.CancelledError:
            watch.finish()
            raise
        finally:
            task.unlisten(watch)
            self._watch = None

    async def _follow(self, stream: InotifyStream, watch: FileWatch) -> None:
        cpu, soon = self._share(), Allowance(per_second=SOON_PER_SECOND, burst=SOON_SAVED, clock=self._clock)
        done = True
        while True:
            if done and await self._something(stream, watch):
                watch.was_idle()
            if cpu.is_overdrawn():
                await self._look_away(watch, cpu)
                continue
            told, folded = watch.told, watch.folded
            done = await self._work(watch, cpu)
            only_folded = watch.folded != folded and watch.told == told
            await asyncio.sleep(COALESCE_S if only_folded or not soon.take(1) else SOON_S)

    async def _poll(self, watch: FileWatch) -> None:
        """Compare what there is with what there was, again and again, until inotify can be had."""
        cpu, done = self._share(), True
        while done is False or self._is_refused():
            await asyncio.sleep(POLL_S if done else STORM_S)
            if done:
                watch.compare()
            done = await self._work(watch, cpu)

    async def _work(self, watch: FileWatch, cpu: CpuShare) -> bool:
        """Turn after turn, while more is there and may be used; whether all is done."""
        more = True
        while more and not cpu.is_overdrawn():
            with cpu.working():
                more = watch.work()
            await asyncio.sleep(0)  # others on the loop have their turn first
        return not more

    def _is_refused(self) -> bool:
        try:
            self._make_stream().close()
        except OSError as error:
            self._refused = _refusal(error)
        else:
            self._refused = None
        return self._refused is not None

    async def _look_away(self, watch: FileWatch, cpu: CpuShare) -> None:
        watch.discard()
        with cpu.working():
            watch.tell_waiting()
        self._counters.add("files.looked_away")
        await asyncio.sleep(STORM_S)

    def _share(self) -> CpuShare:
        return CpuShare(self._cores, OTHERS, self._clock, self._spent)

    async def _something(self, stream: InotifyStream, watch: FileWatch) -> bool:
        """Return when the stream is readable, something is due, or the watch asks for its turn; whether that took so
        long that nothing was queued when this was called: it returns at once where something is."""
        loop, due = asyncio.get_running_loop(), watch.next_due()
        begin = self._clock.monotonic()
        loop.add_reader(stream.fileno(), watch.wake.set)
        timer = None if due is None else loop.call_later(max(0.0, due - begin), watch.wake.set)
        try:
            await watch.wake.wait()
            watch.wake.clear()
        finally:
            loop.remove_reader(stream.fileno())
            if timer is not None:
                timer.cancel()
        return self._clock.monotonic() - begin >= LATENCY_S


def _refusal(error: OSError) -> Capability:
    """Why directories are compared, and not watched."""
    instead = f"directories are compared every {POLL_S:g} s, which shows neither what comes and goes nor who did it"
    if error.errno != errno.EMFILE:
        return Capability(Status.DEGRADED, f"inotify is refused: {error.strerror}; {instead}")
    reason = f"no inotify instance is left (fs.inotify.max_user_instances), or no descriptor (nofile); {instead}"
    return Capability(Status.DEGRADED, reason, "raise the limit, or end what holds them")
