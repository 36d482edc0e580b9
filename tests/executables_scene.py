"""A program file, processes that run it, and a worker that hashes when it is told to."""

import os
from collections.abc import Callable
from pathlib import Path

from fakes import FakeClock
from running import until

from collectors.executable_facts import Facts
from collectors.executables import Executables
from collectors.gated import GatedReads
from collectors.hash_worker import Hashed, HashWorker
from collectors.process_table import Tracked
from collectors.procfs import Procfs
from collectors.statx import place
from sensor.model.counters import Counters
from sensor.model.events import Timestamp

LATER = 4_000_000_000_000_000_000  # long after any file of these tests was changed


class FakeGated(GatedReads):
    """Every process runs `path`, unless `error` says that it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.error: Exception | None = None

    def exe_file(self, process: Tracked) -> int:
        if self.error is not None:
            raise self.error
        return os.open(self.path, os.O_PATH)


class IdleWorker(HashWorker):
    """Takes files and hashes none until told to."""

    def __init__(self) -> None:
        self.jobs: list[tuple[int, Callable[[Hashed], None]]] = []
        self.closed = False

    def put(self, fd: int, size: int, ctime_ns: int, done: Callable[[Hashed], None], *, settle: bool = False) -> None:
        os.close(fd)
        self.jobs.append((size, lambda hashed: done(hashed._replace(settled=settle))))

    def close(self) -> None:
        self.closed = True


class Scene:
    """A program file, processes that run it, and what is known of it."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path / "program"
        self.path.write_bytes(b"#!one\n")
        self.procfs = tmp_path / "proc"
        self.mounted("ext4")
        self.gated = FakeGated(self.path)
        self.clock = FakeClock(wall=LATER)
        self.counters = Counters()
        self.told: list[Facts] = []
        self.opened: list[int] = []
        self.idle = IdleWorker()

    def mounted(self, fs_type: str) -> None:
        (self.procfs / "10").mkdir(parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_PATH)
        line = f"{place(fd).mount_id} 1 254:0 / / rw - {fs_type} x rw\n"
        os.close(fd)
        (self.procfs / "10" / "mountinfo").write_text(line)

    def executables(self, *, idle: bool = False) -> Executables:
        found = Executables(
            gated=self.gated,
            procfs=Procfs(str(self.procfs)),
            counters=self.counters,
            clock=self.clock,
            make_worker=(lambda: self.idle) if idle else HashWorker,
        )
        found._looks_are_noticed = False
        found.opened = lambda process: self.opened.append(process.pid)
        return found

    def process(self) -> Tracked:
        process = Tracked(10, "e", 1, Timestamp(0), None)
        process.exe = str(self.gated.path)
        return process

    def wanted(self, executables: Executables) -> Facts | None:
        return executables.wanted(self.process(), self.told.append)

    async def facts(self, executables: Executables) -> Facts:
        """At once, or when they come."""
        before = len(self.told)
        at_once = self.wanted(executables)
        if at_once is not None:
            return at_once
        await until(lambda: len(self.told) > before, "the facts")
        return self.told[-1]
