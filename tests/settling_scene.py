"""A process that is read while it settles, over a /proc that the test writes."""

from pathlib import Path

from fake_proc_tree import FakeProc
from fakes import Emitted, FakeClock

from collectors.exec_telling import ExecTelling
from collectors.hint_listener import HintListener
from collectors.open_hints import OpenHints
from collectors.process_arrivals import Arrivals
from collectors.process_events import ProcessEvents
from collectors.process_settling import Settling
from collectors.process_table import Tracked
from collectors.procfs import Stat
from collectors.task_view import Task
from sensor.model.counters import Counters
from sensor.model.kinds import Kind

APP = "a" * 64


class SettlingScene:
    """One process of an app, whose image may be hidden from who has no SYS_PTRACE."""

    def __init__(self, root: Path) -> None:
        self.proc = FakeProc(root)
        self.emitted = Emitted()
        self.clock = clock = FakeClock()
        self.counters = counters = Counters()
        self.task = Task(instance="t", launcher=None, counters=counters, clock=clock, procfs=self.proc.procfs)
        self.matching = matching = OpenHints(clock)
        hints = HintListener(
            root_of=lambda _: None, matching=matching, wake=lambda: None, counters=counters, clock=clock
        )
        self.settling = Settling(
            processes=self.task,
            events=ProcessEvents(self.emitted, ExecTelling(self.task, self.emitted), clock),
            matching=matching,
            hints=hints,
            counters=counters,
            clock=clock,
        )
        self.arrivals = Arrivals(
            processes=self.task, settling=self.settling, hints=hints, counters=counters, clock=clock
        )

    def runs(self, *, uid: int, image: int | None, args: bytes = b"app\0", code: int = 4096, comm: str = "app") -> None:
        """What /proc says of it from now on; no `image` is one that may not be seen (fs/proc/array.c)."""
        self.proc.process(7, 1, cgroup=f"9:x:/docker/{APP}", args=args, comm=comm)
        directory = self.proc.root / "7"
        (directory / "status").write_text(f"Name:\tapp\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t4\t4\t4\t4\n")
        fields = (directory / "stat").read_text().split()
        fields[25:28] = ["1", "1", "0"] if image is None else [f"{code}", "8192", f"{image}"]
        fields[47] = "0" if image is None else f"{image}"
        (directory / "stat").write_text(" ".join(fields) + "\n")

    def says(self, field: str, value: object) -> None:
        """Another `state` or other `flags` in its stat (proc_pid_stat(5))."""
        stat = self.proc.root / "7" / "stat"
        fields = stat.read_text().split()
        fields[{"state": 2, "flags": 8}[field]] = f"{value}"
        stat.write_text(" ".join(fields) + "\n")

    def passes_for_the_runtime(self) -> None:
        """From outside, and called as runc calls itself."""
        stat = self.proc.root / "7" / "stat"
        stat.write_text(stat.read_text().replace("(app) S 1 ", "(runc:[x) S 0 ", 1))

    def new(self) -> tuple[Tracked, Stat]:
        """It was just seen for the first time, by its stat."""
        stat = self.task.procfs.stat(7)
        process = self.task.track_by(stat)
        assert process is not None
        return process, stat

    def look(self) -> list[tuple[Kind, int | None]]:
        """Look at it, and give all that was told until now."""
        process = self.task.track(7)
        assert process is not None
        self.settling.look(process)
        return [(event.kind, event.process and event.process.uid) for event in self.emitted.events]
