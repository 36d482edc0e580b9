"""Stand-ins for what the rooms promise each other, over plain dicts: tests fill them in and move their clock."""

from collections.abc import Iterable, Sequence

from sensor.model.events import Ancestor, Event, Missing, Process, Timestamp
from sensor.model.protocols import HOST, ContainerListener, Holders, OpenFile, Recent

START = Timestamp(1_700_000_000_000_000_000)
"""Where a `FakeClock` begins, in ns since 1970."""


class FakeClock:
    """A `Clock` that stands still until a test moves it. Wall and monotonic time move together, or one by one."""

    def __init__(self, wall: int = START, monotonic: float = 1000.0) -> None:
        self.wall_ns = wall
        self.monotonic_s = monotonic

    def wall(self) -> Timestamp:
        return Timestamp(self.wall_ns)

    def monotonic(self) -> float:
        return self.monotonic_s

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self.monotonic_s += seconds
        self.wall_ns += round(seconds * 1e9)

    def jump(self, seconds: float) -> None:
        """Set the wall clock, as an administrator or NTP would; monotonic time does not move."""
        self.wall_ns += round(seconds * 1e9)


class ContainersTold:
    """Listens to containers: `+` and its id for each that started, `-` for each that stopped."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def container_started(self, container_id: str) -> None:
        self.told.append(f"+{container_id}")

    def container_stopped(self, container_id: str) -> None:
        self.told.append(f"-{container_id}")


class FakeTaskView:
    """A `TaskView` over plain dicts. What is not in them is gone, or held by nobody readable."""

    def __init__(self, own_container: str = HOST) -> None:
        self.own_container = own_container
        self.left_out = None if own_container == HOST else own_container
        self.own: set[int] = set()
        self.processes: dict[int, Process] = {}
        self.container_ids: dict[int, str] = {}
        self.chains: dict[str, tuple[Ancestor, ...]] = {}
        self.unread: dict[str, tuple[Missing, ...]] = {}
        self.unsettled: set[str] = set()
        self.roots: dict[str, int] = {}
        self.no_root: dict[str, str] = {}
        self.socket_owners: dict[int, int] = {}
        self.file_holders: dict[tuple[int, int], tuple[int, ...]] = {}
        self.owner_lookups: list[int] = []
        self.open_files: dict[tuple[int, int, int], tuple[OpenFile, ...]] = {}
        self.dead: list[tuple[str, Recent]] = []
        self.up_to_date = True
        self.asks_all = True
        self._listeners: list[ContainerListener] = []

    def add(self, pid: int, container_id: str = HOST, exe: str = "/bin/app", sockets: Iterable[int] = ()) -> Process:
        """Put a process there, in a container, holding sockets; returns it."""
        process = Process(entity=f"entity-{pid}", pid=pid, exe=exe)
        self.processes[pid] = process
        self.container_ids[pid] = container_id
        self.socket_owners.update(dict.fromkeys(sockets, pid))
        return process

    def end(self, pid: int) -> None:
        """Let a process end; its sockets are held by nobody then."""
        self.processes.pop(pid, None)
        self.container_ids.pop(pid, None)
        self.socket_owners = {inode: owner for inode, owner in self.socket_owners.items() if owner != pid}

    def start_container(self, container_id: str, root: int | None = None) -> None:
        """Tell the listeners of a new container; `root` stays the test's own descriptor."""
        if root is not None:
            self.roots[container_id] = root
        for listener in self._listeners:
            listener.container_started(container_id)

    def unlisten(self, listener: ContainerListener) -> None:
        self._listeners.remove(listener)

    def stop_container(self, container_id: str) -> None:
        """End a container's processes and tell the listeners."""
        for pid in [p for p, c in self.container_ids.items() if c == container_id]:
            self.end(pid)
        self.roots.pop(container_id, None)
        for listener in self._listeners:
            listener.container_stopped(container_id)

    def is_own(self, pid: int) -> bool:
        return pid in self.own

    def process(self, pid: int) -> Process | None:
        return self.processes.get(pid)

    def current(self, entity: str) -> Process | None:
        return next((process for process in self.processes.values() if process.entity == entity), None)

    def missing(self, entity: str) -> tuple[Missing, ...]:
        return self.unread.get(entity, ())

    def container_of(self, pid: int) -> str | None:
        return self.container_ids.get(pid)

    def ancestors(self, entity: str) -> tuple[Ancestor, ...]:
        return self.chains.get(entity, ())

    def settled(self, entity: str) -> bool:
        return entity not in self.unsettled

    def pids(self) -> Iterable[int]:
        return reversed(list(self.processes))

    def containers(self) -> Sequence[str]:
        return list(dict.fromkeys([*self.container_ids.values(), *self.roots]))

    def root_of(self, container_id: str) -> int | None:
        return self.roots.get(container_id)

    def why_no_root(self, container_id: str) -> str | None:
        return None if container_id in self.roots else self.no_root.get(container_id, "gone")

    def lived_at(self, entity: str, moment: float) -> bool:
        ended = next((one.ended for _, one in self.dead if one.process.entity == entity), None)
        return ended is None or ended >= moment

    def owner_of(self, socket_inode: int, *, uid: int | None = None, quick: bool = False) -> int | None:
        self.owner_lookups.append(socket_inode)
        return self.socket_owners.get(socket_inode)

    def holders_of(self, device: int, inode: int) -> Holders:
        return Holders(self.file_holders.get((device, inode), ()), self.asks_all)

    def openings(self, pid: int, device: int, inode: int) -> tuple[OpenFile, ...]:
        return self.open_files.get((pid, device, inode), ())

    def recent(self, container_id: str, since: float) -> Sequence[Recent]:
        dead = [one for where, one in self.dead if where == container_id and (one.ended or 0.0) >= since]
        alive = [self.processes[pid] for pid in self.pids() if self.container_ids[pid] == container_id]
        return [*reversed(dead), *(Recent(process, started=process.start) for process in alive)]

    def is_up_to_date(self) -> bool:
        return self.up_to_date

    def catch_up(self) -> None:
        """There is nothing that was not looked at."""

    def listen(self, listener: ContainerListener) -> None:
        self._listeners.append(listener)
        for container_id in self.containers():
            listener.container_started(container_id)


class Emitted:
    """An `emit` that keeps every event; while `full` it drops them, as a full queue would."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.full = False

    def __call__(self, event: Event) -> bool:
        if self.full:
            return False
        self.events.append(event)
        return True

    def of(self, kind: str) -> list[Event]:
        """The events of one kind, in order."""
        return [event for event in self.events if event.kind == kind]
