"""A `FileWatch` on the real inotify that works only when the test asks it to."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import Emitted, FakeClock, FakeTaskView
from file_scene import APP

from collectors import rootfs
from collectors.file_watch import FileWatch
from collectors.inotify_stream import InotifyStream
from collectors.procfs import Procfs
from collectors.watch_paths import removed, watch_list
from collectors.watch_plan import plan
from sensor.model.counters import Counters
from sensor.model.kinds import Kind


class Still:
    """A `FileWatch` that nobody asks to work but the test, on a clock that the test moves."""

    def __init__(self, root: Path, paths: Sequence[str] = ()) -> None:
        self.counters, self.clock, self.emitted, self.task = Counters(), FakeClock(), Emitted(), FakeTaskView()
        self.stream = InotifyStream()
        self.root = root
        self.root_fd = os.open(root, os.O_PATH)
        self.watch = FileWatch(
            stream=self.stream,
            plan=plan(watch_list(paths)),
            limit=1000,
            task=self.task,
            emit=self.emitted,
            procfs=Procfs(),
            counters=self.counters,
            clock=self.clock,
            removed=removed(paths),
        )
        self.task.listen(self.watch)

    def work(self) -> None:
        while self.watch.work():
            pass

    def close(self) -> None:
        self.stream.close()
        os.close(self.root_fd)

    def start(self) -> None:
        """The container `APP`, whose mounts are those of this machine, is there."""
        self.task.add(os.getpid(), APP)
        self.task.start_container(APP, self.root_fd)

    def deleted(self) -> list[str]:
        """The paths that were told as deleted."""
        return [e.file.path for e in self.emitted.events if e.file is not None and e.kind is Kind.FILE_DELETE]

    def told(self) -> set[tuple[str, str]]:
        """Kinds (the part after the dot) and paths of what was told."""
        return {(e.kind.removeprefix("file."), e.file.path) for e in self.emitted.events if e.file is not None}


def overflow_the_queue(directory: Path) -> None:
    """More notices than the kernel keeps, each different from the one before, so that it merges none."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for name in "xy":
        (directory / name).touch()
    for number in range(limit + 10):
        os.utime(directory / "xy"[number % 2])


def handles(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The paths in containers that are opened from now on, if only for a handle."""
    opened: list[bytes] = []
    real = rootfs.open_handle

    def open_handle(root_fd: int, path: bytes, **how: Any) -> int:
        opened.append(path)
        return real(root_fd, path, **how)

    monkeypatch.setattr(rootfs, "open_handle", open_handle)
    return opened
