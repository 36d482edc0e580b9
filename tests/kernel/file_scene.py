"""Temporary directories as the roots of containers, and a `FileInotify` that watches them."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from fakes import Emitted, FakeTaskView
from running import collecting, until

from collectors.file_inotify import FileInotify
from collectors.file_telling import Hashes
from collectors.inotify_stream import InotifyStream
from collectors.procfs import Procfs
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.events import Event
from sensor.model.kinds import Kind

APP = "app"
DIRECTORIES = ("etc/cron.d", "tmp", "root", "var/www", "usr/bin", "home/anna")


class FileScene:
    """A running collector; `root` is the root of the container `APP`."""

    def __init__(self, root: Path, collector: FileInotify, task: FakeTaskView, counters: Counters) -> None:
        self.root = root
        self.collector = collector
        self.task = task
        self.counters = counters
        self.emitted = Emitted()

    def told(self, path: str, kind: Kind | None = None, container: str = APP) -> list[Event]:
        """What was told of a path of the container."""
        return [
            event
            for event in self.emitted.events
            if event.file is not None
            and event.file.path == path
            and kind in (None, event.kind)
            and (event.container is not None and event.container.id) == container
        ]

    async def tells(self, path: str, kind: Kind, container: str = APP) -> Event:
        """Wait for the first event of this kind about the path."""
        told = await until(lambda: self.told(path, kind, container), f"{kind} of {path!r}; {self.summary()}")
        return told[0]

    async def is_told(self) -> None:
        """Wait until all that has happened so far was read: a file made now is told last."""
        name = f"end-{len(self.emitted.events)}"
        (self.root / "etc" / name).touch()
        await self.tells(f"/etc/{name}", Kind.FILE_CREATE)

    def summary(self) -> list[tuple[str, str, int]]:
        """What was told, for messages of failed tests."""
        return [(e.kind, e.file.path, e.count) for e in self.emitted.events if e.file is not None]

    def watches(self) -> int:
        """How many watches the kernel has for this process."""
        return sum(kernel_watches(int(fd)) for fd in os.listdir("/proc/self/fd"))


def kernel_watches(fd: int) -> int:
    """The watches of an inotify descriptor of this process; 0 for another, or none."""
    try:
        return Path(f"/proc/self/fdinfo/{fd}").read_text().count("inotify wd:")
    except FileNotFoundError:
        return 0


def make_root(at: Path, directories: Sequence[str] = DIRECTORIES) -> Path:
    """A directory with what a small image has."""
    for name in directories:
        (at / name).mkdir(parents=True, exist_ok=True)
    (at / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    return at


@asynccontextmanager
async def watching(
    root: Path,
    *,
    paths: Sequence[str] = (),
    others: Sequence[tuple[str, Path]] = (),
    procfs: Procfs | None = None,
    prepare: Callable[[FakeTaskView], None] | None = None,
    hashes: Hashes | None = None,
    make_stream: Callable[[], InotifyStream] = InotifyStream,
    cores: Callable[[], float] = lambda: 4.0,
) -> AsyncIterator[FileScene]:
    """The collector over `root` as `APP` and the other containers, once it has watched them all."""
    task, counters = FakeTaskView(), Counters()
    collector = FileInotify(
        counters=counters,
        clock=SystemClock(),
        paths=paths,
        procfs=procfs,
        hashes=hashes,
        make_stream=make_stream,
        cores=cores,
    )
    with ExitStack() as roots:
        for name, path in [(APP, root), *others]:
            task.roots[name] = os.open(path, os.O_PATH | os.O_DIRECTORY)
            roots.callback(os.close, task.roots[name])
        if prepare is not None:
            prepare(task)
        scene = FileScene(root, collector, task, counters)
        async with collecting(collector, task) as scene.emitted:
            await until(lambda: collector.watches, "the watches")
            yield scene
