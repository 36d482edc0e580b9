"""The processes of the task: the living, and for a minute the dead."""

from collections import deque
from dataclasses import dataclass
from itertools import chain, islice, takewhile
from typing import TYPE_CHECKING

from sensor.model.events import Ancestor, Missing, Process, Timestamp
from sensor.model.weight import weight

if TYPE_CHECKING:
    from collectors.program import Program

DEAD_KEPT_S = 60.0
DEAD_KEPT = 4096
DEPTH = 16
HEAVY_BYTES = 4096
"""Memory from which the arguments of one process count as heavy."""
HEAVY_KEPT_BYTES = 4 << 20
"""Memory for heavy arguments of all processes together. Without a bound 3,700 programs with 100 KB of arguments each,
within 40 s, took the sensor from 38 to 102 MB."""
FORGOTTEN = Missing("process.args", "forgotten")
"""What a process misses whose arguments had to make room; the event of its start has told them."""


@dataclass(slots=True, eq=False)
class Tracked:
    """One process as far as it is known; changes as it is read again, unlike the `Process` made from it.

    `executed`: it runs a program of its own, not its parent's. `settled`: it is past the moments between fork and
    exec. `announced`: an event told of it; `told` is the program that was told last, as it was when it was last read
    whole, and `image` what was read last, perhaps of one that is not told of yet; `told_images` are where the last
    programs lie that were told with their arguments and not by a tracer. `own`: it belongs to the sensor. `entered`:
    it came into its container from outside, None until that is looked at. `ended` is in monotonic seconds.
    `glimpsed`: it was gone before it could be read, and `start` is about when its program was opened. `traced`: a
    tracer tells of its programs and its end, which then was at `exit_time`; `version` is which version of the
    executable's file it saw (`executables`). `survivor`: see `procfs.Stat`. `exiting`: it was about to end when it
    was looked at last, and shows nothing more. `overdue`: it should have run its program long ago, so that whatever
    it is called is what it runs.
    """

    pid: int
    entity: str
    start_ticks: int
    start: Timestamp
    parent: "Tracked | None"
    ppid: int | None = None
    comm: str = ""
    cgroup: bytes | None = None
    container: str | None = None
    exe: str | None = None
    args: tuple[str, ...] | None = None
    args_cut: bool = False
    cwd: str | None = None
    uid: int | None = None
    gid: int | None = None
    user: str | None = None
    tty: str | None = None
    stdin: str | None = None
    session: str | None = None
    sha256: str | None = None
    drift: bool | None = None
    preload: tuple[str, ...] | None = None
    preload_cut: bool = False
    image: tuple[int, int, int] | None = None
    told: "Program | None" = None
    told_images: tuple[tuple[int, int, int], ...] = ()
    version: tuple[int, int, int, int, int] | None = None
    missing: tuple[Missing, ...] = ()
    exit_code: int | None = None
    ended: float | None = None
    exit_time: Timestamp | None = None
    executed: bool = False
    settled: bool = False
    announced: bool = False
    own: bool = False
    entered: bool | None = None
    glimpsed: bool = False
    traced: bool = False
    survivor: tuple[int, int] | None = None
    exiting: bool = False
    overdue: bool = False

    @property
    def read_by(self) -> tuple[int, int]:
        """The number by which /proc shows its program, and the start ticks of that: its own, or a thread's."""
        return self.survivor or (self.pid, self.start_ticks)

    def snapshot(self) -> Process:
        """What is known now, for an event."""
        return Process(
            entity=self.entity, pid=self.pid, ppid=self.ppid, start=None if self.glimpsed else self.start,
            exe=self.exe, comm=self.comm if self.exe is None else None, args=self.args, cwd=self.cwd,
            uid=self.uid, gid=self.gid, user=self.user, tty=self.tty, stdin=self.stdin, session=self.session,
            sha256=self.sha256, drift=self.drift, preload=self.preload,
            exit_code=self.exit_code, ancestors=self.ancestors(),
        )  # fmt: skip

    def forget_args(self) -> None:
        """Its arguments have to make room for others'."""
        self.args, self.args_cut = None, False
        self.told = self.told and self.told._replace(args=None)
        self.missing = (*self.missing, FORGOTTEN)

    def forget_program(self) -> None:
        """What was read of the program belongs to another one, such as the parent's before an exec."""
        self.exe = self.args = self.cwd = self.stdin = None
        self.sha256 = self.drift = self.preload = self.version = None
        self.args_cut = self.preload_cut = False

    def ancestors(self) -> tuple[Ancestor, ...]:
        """The chain above, nearest first, at most `DEPTH` long."""
        return tuple(Ancestor(p.entity, p.pid, p.exe) for p in self._above())

    def _above(self) -> list["Tracked"]:
        found: list[Tracked] = []
        above = self.parent
        while above is not None and len(found) < DEPTH:
            found.append(above)
            above = above.parent
        return found

    def forget_distant_dead(self) -> None:
        """Let go of what lies beyond the reach of `ancestors`, so that a chain of forks and deaths stays bounded."""
        above = self._above()
        if len(above) == DEPTH and above[-1].ended is not None:
            above[-1].parent = None


class ProcessTable:
    """Processes by PID (the living) and by entity (the dead too, for `DEAD_KEPT_S`, at most `DEAD_KEPT`)."""

    def __init__(self) -> None:
        self._living: dict[int, Tracked] = {}
        self._by_entity: dict[str, Tracked] = {}
        self._dead: deque[Tracked] = deque()
        self._last_dead: dict[int, Tracked] = {}
        self._heavy: deque[tuple[Tracked, tuple[str, ...], int]] = deque()
        self._heavy_bytes = 0

    def __len__(self) -> int:
        return len(self._living)

    def add(self, process: Tracked) -> None:
        """Take in a new process; it is the only living one with its PID."""
        self._living[process.pid] = process
        self._by_entity[process.entity] = process
        process.forget_distant_dead()

    def add_dead(self, process: Tracked, ended: float) -> None:
        """Take in a process that was gone already when something was learnt of it."""
        self._by_entity[process.entity] = process
        self._bury(process, ended)

    def weigh(self, process: Tracked) -> None:
        """Its arguments were read; where they are heavy those that were read longest ago make room."""
        size = weight(process.args)
        if size < HEAVY_BYTES or process.args is None:
            return
        self._heavy.append((process, process.args, size))
        self._heavy_bytes += size
        while self._heavy_bytes > HEAVY_KEPT_BYTES:
            oldest, args, size = self._heavy.popleft()
            self._heavy_bytes -= size
            if oldest.args is args:
                oldest.forget_args()

    def living(self, pid: int) -> Tracked | None:
        """The live process with this PID."""
        return self._living.get(pid)

    def last(self, pid: int) -> Tracked | None:
        """The live process with this PID, or the one that had it within the last minute."""
        return self._living.get(pid) or self._last_dead.get(pid)

    def entity(self, entity: str) -> Tracked | None:
        """The process of this identity, if it lives or ended within the last minute."""
        return self._by_entity.get(entity)

    def newest_first(self) -> list[Tracked]:
        """The living, the ones that were added last first."""
        return list(reversed(self._living.values()))

    def recent(self, container: str, since: float, most: int) -> list[Tracked]:
        """Those of a container that live or ended since then, the ones that were added or ended last first."""
        dead = takewhile(lambda process: (process.ended or 0.0) >= since, reversed(self._dead))
        found = (process for process in chain(dead, reversed(self._living.values())) if process.container == container)
        return list(islice(found, most))

    def end(self, process: Tracked, now: float) -> None:
        """Move a process to the dead; `now` in monotonic seconds."""
        if self._living.get(process.pid) is process:
            del self._living[process.pid]
        self._bury(process, now)

    def _bury(self, process: Tracked, ended: float) -> None:
        """In the order of their ends, which `recent` relies on."""
        process.ended = ended
        self._last_dead[process.pid] = process
        place = len(self._dead)
        while place and (self._dead[place - 1].ended or 0.0) > ended:
            place -= 1
        self._dead.insert(place, process)
        self._prune(ended)

    def _prune(self, now: float) -> None:
        while self._dead and (len(self._dead) > DEAD_KEPT or now - (self._dead[0].ended or 0.0) > DEAD_KEPT_S):
            old = self._dead.popleft()
            self._by_entity.pop(old.entity, None)
            if self._last_dead.get(old.pid) is old:
                del self._last_dead[old.pid]
