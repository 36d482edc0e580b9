"""File changes in every container, by inotify on the directories that matter (`collectors.watch_list`).

The queue is read when it becomes readable and then not before another 0.1 s have passed, since each wake-up costs ten
times what a notice costs; while nothing happens nothing wakes us. inotify names no process and has no times.
"""

import asyncio
import errno
from collections.abc import Sequence

from collectors import rootfs
from collectors.file_watch import FileWatch
from collectors.inotify_stream import InotifyStream
from collectors.procfs import Procfs
from collectors.watch_list import watch_list
from collectors.watch_plan import plan
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.protocols import Capability, Emit, Status, TaskView

COALESCE_S = 0.1
SHARE = 4
"""One in so many of the kernel's watches may be ours: they are counted per user, across containers."""

USUAL_WATCHES = 8192
"""fs.inotify.max_user_watches where it cannot be read: the kernel's default of old."""

FEW_WATCHES = 200
"""With fewer than these the default list of a few containers does not fit."""


class FileInotify:
    """`file.create`, `file.modify`, `file.delete`, `file.rename` and `file.attributes`.

    `paths` are more directories to watch in every container. Raises WrongConfiguration where they are none.
    """

    name = "file_inotify"

    def __init__(
        self, *, counters: Counters, clock: Clock, paths: Sequence[str] = (), procfs: Procfs | None = None
    ) -> None:
        self._counters = counters
        self._clock = clock
        self._plan = plan(watch_list(paths))
        self._procfs = procfs or Procfs()
        self._watch: FileWatch | None = None

    def probe(self) -> Capability:
        """Whether inotify and openat2 work and leave room; which roots can be reached shows in `status`."""
        opening = rootfs.capability()
        if opening.status is not Status.OK:
            return opening
        try:
            InotifyStream().close()
        except OSError as error:
            return self._refusal(error)
        if (limit := self._limit()) < FEW_WATCHES:
            reason = f"room for {limit} watches, a quarter of fs.inotify.max_user_watches"
            return Capability(Status.DEGRADED, reason, "raise fs.inotify.max_user_watches")
        return Capability(Status.OK)

    def status(self) -> Capability:
        """While it runs: which directories are not watched, counted by reason. Else what `probe` says."""
        return self.probe() if self._watch is None else self._watch.status()

    @property
    def watches(self) -> int:
        """How many of the kernel's watches are held."""
        return 0 if self._watch is None else self._watch.watches

    async def run(self, task: TaskView, emit: Emit) -> None:
        """Watch all containers until cancelled. Raises OSError where no inotify instance can be had."""
        with InotifyStream() as stream:
            self._watch = watch = FileWatch(
                stream=stream,
                plan=self._plan,
                limit=self._limit(),
                task=task,
                emit=emit,
                procfs=self._procfs,
                counters=self._counters,
                clock=self._clock,
            )
            task.listen(watch)
            try:
                await self._follow(stream, watch)
            except asyncio.CancelledError:
                watch.finish()
                raise
            finally:
                task.unlisten(watch)
                self._watch = None

    async def _follow(self, stream: InotifyStream, watch: FileWatch) -> None:
        while True:
            await self._something(stream, watch)
            for _ in iter(watch.work, False):
                await asyncio.sleep(0)  # more is there: others on the loop have their turn first
            await asyncio.sleep(COALESCE_S)

    async def _something(self, stream: InotifyStream, watch: FileWatch) -> None:
        """Return when the stream is readable, something is due, or the watch asks for its turn."""
        loop, due = asyncio.get_running_loop(), watch.next_due()
        loop.add_reader(stream.fileno(), watch.wake.set)
        timer = None if due is None else loop.call_later(max(0.0, due - self._clock.monotonic()), watch.wake.set)
        try:
            await watch.wake.wait()
            watch.wake.clear()
        finally:
            loop.remove_reader(stream.fileno())
            if timer is not None:
                timer.cancel()

    def _limit(self) -> int:
        try:
            return int(self._procfs.read("sys/fs/inotify/max_user_watches", 32)) // SHARE
        except (OSError, ProcessGone, AccessDenied, ValueError):
            return USUAL_WATCHES // SHARE

    def _refusal(self, error: OSError) -> Capability:
        if error.errno != errno.EMFILE:
            return Capability(Status.UNAVAILABLE, f"inotify is refused: {error.strerror}", None)
        reason = "no inotify instance is left (fs.inotify.max_user_instances), or no descriptor (nofile)"
        return Capability(Status.UNAVAILABLE, reason, "raise the limit, or end what holds them")
