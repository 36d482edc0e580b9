"""The processes of the task: the living, and for a minute the dead."""

from collections import deque
from collections.abc import Iterator

from sensor.model.events import Ancestor, Missing, Process, Timestamp

DEAD_KEPT_S = 60.0
DEAD_KEPT = 4096
DEPTH = 16


class Tracked:
    """One process as far as it is known; changes as it is read again, unlike the `Process` made from it."""

    __slots__ = (
        "announced", "args", "args_cut", "cgroup", "comm", "container", "cwd", "ended", "entity", "executed", "exe",
        "exit_code", "gid", "image", "missing", "own", "parent", "pid", "ppid", "session", "settled", "start",
        "start_ticks", "tty", "uid", "user",
    )  # fmt: skip

    def __init__(self, pid: int, entity: str, start_ticks: int, start: Timestamp, parent: "Tracked | None") -> None:
        self.pid = pid
        self.entity = entity
        self.start_ticks = start_ticks
        self.start = start
        self.parent = parent
        self.ppid: int | None = None
        self.comm = ""
        self.cgroup: bytes | None = None
        self.container: str | None = None
        self.exe: str | None = None
        self.args: tuple[str, ...] | None = None
        self.args_cut = False
        self.cwd: str | None = None
        self.uid: int | None = None
        self.gid: int | None = None
        self.user: str | None = None
        self.tty: str | None = None
        self.session: str | None = None
        self.image: tuple[int, int, int] | None = None
        self.missing: tuple[Missing, ...] = ()
        self.exit_code: int | None = None
        self.ended: float | None = None
        self.executed = False
        self.settled = False
        self.announced = False
        self.own = False

    def snapshot(self) -> Process:
        """What is known now, for an event."""
        return Process(
            entity=self.entity, pid=self.pid, ppid=self.ppid, start=self.start,
            exe=self.exe, comm=self.comm if self.exe is None else None, args=self.args, cwd=self.cwd,
            uid=self.uid, gid=self.gid, user=self.user, tty=self.tty, session=self.session,
            exit_code=self.exit_code, ancestors=self.ancestors(),
        )  # fmt: skip

    def ancestors(self) -> tuple[Ancestor, ...]:
        """The chain above, nearest first, at most `DEPTH` long."""
        return tuple(Ancestor(p.entity, p.pid, p.exe) for p in self._above())

    def _above(self) -> Iterator["Tracked"]:
        above = self.parent
        for _ in range(DEPTH):
            if above is None:
                return
            yield above
            above = above.parent

    def forget_distant_dead(self) -> None:
        """Let go of dead ancestors out of reach, so that a chain of processes that fork and die stays bounded."""
        for above in self._above():
            last = above
        if self.parent is not None and last.ended is not None:
            last.parent = None


class ProcessTable:
    """Processes by PID (the living) and by entity (the dead too, for `DEAD_KEPT_S`, at most `DEAD_KEPT`)."""

    def __init__(self) -> None:
        self._living: dict[int, Tracked] = {}
        self._by_entity: dict[str, Tracked] = {}
        self._dead: deque[Tracked] = deque()
        self._last_dead: dict[int, Tracked] = {}

    def __len__(self) -> int:
        return len(self._living)

    def add(self, process: Tracked) -> None:
        """Take in a new process; it is the only living one with its PID."""
        self._living[process.pid] = process
        self._by_entity[process.entity] = process
        process.forget_distant_dead()

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

    def end(self, process: Tracked, now: float) -> None:
        """Move a process to the dead; `now` in monotonic seconds."""
        if self._living.get(process.pid) is process:
            del self._living[process.pid]
        process.ended = now
        process.settled = True
        self._last_dead[process.pid] = process
        self._dead.append(process)
        self._prune(now)

    def _prune(self, now: float) -> None:
        while self._dead and (len(self._dead) > DEAD_KEPT or now - (self._dead[0].ended or 0.0) > DEAD_KEPT_S):
            old = self._dead.popleft()
            self._by_entity.pop(old.entity, None)
            if self._last_dead.get(old.pid) is old:
                del self._last_dead[old.pid]
