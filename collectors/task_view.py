"""What is known of the task, once, for all collectors: the `TaskView` of sensor.model.protocols, made real."""

import os
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from collectors.container_roots import ContainerRoots
from collectors.executables import Executables
from collectors.exit_watch import End, ExitWatch, exit_code
from collectors.file_holders import FileHolders
from collectors.following import UNTRACED, Follower, Tracing
from collectors.gated import GatedReads
from collectors.helpers import Helpers
from collectors.open_hints import Ran
from collectors.pace import Spent, cores_of_container
from collectors.placement import Placement
from collectors.process_reader import ProcessReader
from collectors.process_table import ProcessTable, Tracked
from collectors.procfs import Procfs, Stat
from collectors.program import is_runtime_init
from collectors.sessions import Command, session_of
from collectors.socket_owners import SocketOwners
from collectors.users import Users
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.events import Ancestor, Missing, Process, Timestamp
from sensor.model.protocols import HOST, MOST_RECENT, ContainerListener, Declared, Holders, OpenFile, Recent

ExitListener = Callable[[Tracked], None]


class Task:
    """The processes, containers and sockets of the task. Used from the loop's thread only.

    `instance` names the running task for entities; `launcher` is the socket of `helper_launcher.start()`, None where
    the sensor is not root. `own_pid` and its children are the sensor. `probes` are the commands of health checks.
    """

    def __init__(
        self,
        *,
        instance: str,
        launcher: socket.socket | None,
        counters: Counters,
        clock: Clock,
        procfs: Procfs,
        own_pid: int | None = None,
        probes: Sequence[Command] = (),
    ) -> None:
        self.procfs = procfs
        self.cores = cores_of_container()
        """The CPU that the task has, as far as it is known: what collectors may take follows it."""
        self.spent = Spent()
        self._counters = counters
        self._clock = clock
        self.helpers = Helpers(launcher, counters, clock)
        self.gated = GatedReads(procfs, self.helpers)
        self._reader = ProcessReader(procfs, self.gated, clock, instance)
        self.executables = Executables(gated=self.gated, procfs=procfs, counters=counters, clock=clock)
        self.resolution = self.executables.resolution
        self._table = ProcessTable()
        self._roots = ContainerRoots(self.gated.root, clock)
        self._users = Users(self.root_of, clock)
        self._exits = ExitWatch(procfs, counters)
        self._sockets = SocketOwners(self._table.newest_first, self.gated.sockets, clock, counters)
        self._holders = FileHolders(self._table.newest_first, self.gated.holds, clock, counters)
        self.follower: Follower | None = None  # the process collector, while it runs
        self.tracing: Tracing = UNTRACED  # the collector that traces, while it does
        self.on_program: Callable[[Tracked], None] | None = None
        """Called with a process that has settled in a container, and again when another program of it was told."""
        self.declared = Declared()
        """What the platform's metadata says, as soon as that is known."""
        self._exit_listeners: list[ExitListener] = []
        self._pid = own_pid or os.getpid()
        self._probes = probes
        self._placement = Placement(procfs, self._pid, self._roots.on_device)
        self.own_container, self.left_out = self._placement.own, self._placement.left_out

    # what collectors ask

    def is_own(self, pid: int) -> bool:
        process = self._table.living(pid)
        return pid == self._pid or (process is not None and process.own)

    def process(self, pid: int) -> Process | None:
        process = self._known(pid) or self._table.last(pid)
        return process.snapshot() if process else None

    def container_of(self, pid: int) -> str | None:
        process = self._known(pid) or self._table.last(pid)
        return process.container if process else None

    def ancestors(self, entity: str) -> tuple[Ancestor, ...]:
        process = self._table.entity(entity)
        return process.ancestors() if process else ()

    def current(self, entity: str) -> Process | None:
        """The process as it is known by now, the dead of the last minute included."""
        process = self._table.entity(entity)
        return process.snapshot() if process else None

    def missing(self, entity: str) -> tuple[Missing, ...]:
        process = self._table.entity(entity)
        return process.missing if process else ()

    def settled(self, entity: str) -> bool:
        return (process := self._table.entity(entity)) is None or process.settled or process.ended is not None

    def pids(self) -> Iterable[int]:
        return [process.pid for process in self._table.newest_first()]

    def containers(self) -> list[str]:
        return self._roots.ids()

    def root_of(self, container_id: str) -> int | None:
        return self._roots.root(container_id)

    def why_no_root(self, container_id: str) -> str | None:
        return self._roots.refusal(container_id)

    def owner_of(self, socket_inode: int, *, uid: int | None = None, quick: bool = False) -> int | None:
        if quick:
            self.catch_up()  # the owner may be younger than the last look
        return self._sockets.owner(socket_inode, uid=uid, quick=quick)

    def holders_of(self, device: int, inode: int) -> Holders:
        return self._holders.find(device, inode)

    def openings(self, pid: int, device: int, inode: int) -> tuple[OpenFile, ...]:
        process = self._table.living(pid)
        try:
            return tuple(self.gated.openings(process, device, inode)) if process else ()
        except (ProcessGone, AccessDenied):
            return ()

    def recent(self, container_id: str, since: float) -> list[Recent]:
        found = self._table.recent(container_id, since, MOST_RECENT)
        return [Recent(process.snapshot(), process.ended, process.start) for process in found if not process.own]

    def lived_at(self, entity: str, moment: float) -> bool:
        process = self._table.entity(entity)
        return process is not None and (process.ended is None or process.ended >= moment)

    def is_up_to_date(self) -> bool:
        return self.follower is not None and self.follower.is_up_to_date()

    def catch_up(self) -> None:
        if self.follower is not None:
            self.follower.catch_up()

    def listen(self, listener: ContainerListener) -> None:
        self._roots.listen(listener)

    def unlisten(self, listener: ContainerListener) -> None:
        self._roots.forget(listener)

    def own_pids(self) -> list[int]:
        """The sensor's processes besides the first, for its own figures."""
        return [p.pid for p in self._table.newest_first() if p.own and p.pid != self._pid]

    def pod_container_name(self, container_id: str) -> str | None:
        """The name that a pod gives to the container, where its mounts show it (kubelet's termination log)."""
        inside = (process for process in self._table.newest_first() if process.container == container_id)
        return self._placement.name_in_pod(inside)

    # what the process collectors do

    def on_exit(self, listener: ExitListener) -> None:
        """Call the listener for every process that ends, after its exit code is known."""
        self._exit_listeners.append(listener)

    def off_exit(self, listener: ExitListener) -> None:
        """Call it no more."""
        self._exit_listeners.remove(listener)

    def track(self, pid: int) -> Tracked | None:
        """Take in a PID; None for threads and the kernel's own. Raises ProcessGone."""
        return self.track_by(self.procfs.stat(pid))

    def track_by(self, stat: Stat) -> Tracked | None:
        """The same by its stat as it was just read.

        A zombie whose end was told is given as it was: taken in anew, it would be told once more.
        """
        known = self._table.last(stat.pid)
        if known is not None and known.start_ticks == stat.start_ticks and (known.ended is None or stat.is_zombie):
            return known
        if known is not None and known.ended is None:
            self.ended(known, None)
        if stat.is_thread or stat.is_kernel_thread:
            return None
        return self._take_in(stat)

    def traced(self, stat: Stat, parent: int | None) -> Tracked | None:
        """Take in a process that a tracer tells of, dead or alive, in its parent's container; None for threads. One
        whose end was told is given as it was, as in `track_by`."""
        known = self._table.last(stat.pid)
        if known is not None and known.start_ticks != stat.start_ticks:
            if known.ended is None:
                self.ended(known, None)
            known = None
        if known is not None and known.ended is None and not known.ppid:
            self._place_living(known)  # the runtime of a container moves on its way in
        if known is not None or stat.is_thread:
            return known
        return self._add(stat, self._table.last(parent or stat.ppid), traced=True)

    def living_process(self, pid: int) -> Tracked | None:
        """The process with this number, if it is known and not known to have ended."""
        return self._table.living(pid)

    def ended(self, process: Tracked, status: int | None) -> None:
        """The process has ended, with this wait status if it is known; all who listen are told."""
        process.exit_code = None if status is None else exit_code(status)
        self._table.end(process, self._clock.monotonic())
        for listener in self._exit_listeners:
            listener(process)
        if process.container is not None:
            self._roots.leave(process.container, process)
            if not self._roots.members(process.container):
                self._users.forget(process.container)

    def watch_again(self, process: Tracked) -> None:
        """Its tracer is lost: its end is learnt as that of others."""
        process.traced = False
        try:
            self._exits.watch_again(process.pid, process.start_ticks)
        except ProcessGone:
            self.ended(process, None)

    def read(self, process: Tracked, stat: Stat | None = None, *, briefly: bool = False) -> bool:
        """Read what a process runs: its own program or, until it has executed one, its parent's. `stat` is what its
        stat says now, where that is known. `briefly`: the same name and arguments pass for the same program.

        False where the facts are not whole: in the middle of an exec, or in the runtime's own init. What was read
        before and still holds is not read again, whoever asked for it then. Raises ProcessGone.
        """
        stat = stat or self._reader.stat(process)
        holds = self._reader.still_holds(process, stat, briefly)
        process.executed, process.comm = stat.has_executed, stat.comm
        if holds or is_runtime_init(process, stat):
            return holds
        whole = self._reader.read(process, stat)
        self._table.weigh(process)
        if not process.exiting:
            self._place_living(process)
        return whole

    def living(self) -> list[Tracked]:
        """The live processes, newest first."""
        return self._table.newest_first()

    def runs_another(self, process: Tracked, stat: Stat | None = None) -> bool:
        """Whether another program than the one that was read last runs there, by its stat now. Raises ProcessGone."""
        return self._reader.runs_another(process, stat or self._reader.stat(process))

    def changed_user(self, process: Tracked) -> bool:
        """Whether the process runs as another user than when it was read last. Raises ProcessGone."""
        if process.survivor is not None:
            self._reader.stat(process)  # the number of a thread may be another process's in a moment
        found = self.procfs.credentials(process.read_by[0])
        if (found.uid, found.gid) == (process.uid, process.gid) or process.uid is None:
            return False
        process.uid, process.gid = found.uid, found.gid
        process.user = self._users.name(process.container or HOST, found.uid)
        return True

    def stat(self, process: Tracked) -> Stat:
        """As `ProcessReader.stat`."""
        return self._reader.stat(process)

    def had_executed(self, process: Tracked) -> bool | None:
        """As `ProcessReader.had_executed`."""
        return self._reader.had_executed(process)

    def glimpsed(self, ran: Ran) -> Tracked:
        """Take in a process of which only the number and the open of its program were seen, and which is gone."""
        process = self._reader.glimpsed(ran.unread.pid, self._clock.monotonic() - ran.at)
        process.container = ran.opened.container
        self._table.add_dead(process, ran.unread.at)
        return process

    def started(self, container_id: str | None) -> Timestamp | None:
        """When the container's first process was forked, rounded down to 10 ms; None for the plain machine."""
        return self._roots.started(container_id) if container_id else None

    def search_path(self, container_id: str) -> list[bytes]:
        """The directories of the PATH of the container's first process; empty where it cannot be read."""
        return self.gated.search_path(self._roots.processes(container_id))

    def settle(self, process: Tracked) -> None:
        """The process is past fork and exec: it counts as a member of its container, and its user gets a name."""
        first, process.settled = not process.settled, True
        if process.container is None:
            return
        if first or process.entered is None:
            process.entered = self._has_entered(process, process.container)
        if process.session is None:
            self._settle_parent(process)
            process.session = session_of(process, self._probes, own=process.container == self.own_container)
        if process.ended is not None:
            return
        if first:
            self._roots.join(process.container, process)
        if process.uid is not None:
            process.user = self._users.name(process.container, process.uid)
        if self.on_program is not None:
            self.on_program(process)

    def start(self) -> None:
        """Begin to learn of ends; needs the running loop."""
        self._exits.start(self._ended)

    def close(self) -> None:
        """Release every descriptor and end the helpers. Safe to call more than once."""
        self.executables.close()
        self._exits.close()
        self._roots.close()
        self.helpers.close()

    # how it is done

    def _known(self, pid: int) -> Tracked | None:
        with suppress(ProcessGone):
            process = self.track(pid)
            if process is not None and process.ended is None and process.args is None and process.exe is None:
                self.read(process)
            return process
        return None

    def _take_in(self, stat: Stat) -> Tracked:
        for above in reversed(self._reader.unknown_above(stat, self._table.living)):
            with suppress(ProcessGone):  # which says nothing of its children
                self._add(above, self._table.living(above.ppid))
        return self._add(stat, self._table.living(stat.ppid))

    def _add(self, stat: Stat, parent: Tracked | None, *, traced: bool = False) -> Tracked:
        process = self._reader.discover(stat, parent)
        process.own = stat.pid == self._pid or (parent is not None and parent.own)
        process.session = parent.session if parent else None
        process.traced = traced
        if parent is not None and (traced or parent.settled):
            process.cgroup, process.container = parent.cgroup, parent.container  # until more of it is read
        if not traced:
            if process.cgroup is None:
                self._place(process)
            self._exits.watch(stat.pid, stat.start_ticks)
        elif parent is None or not stat.ppid:
            self._place_living(process)
        self._table.add(process)
        if process.pid == self._pid:
            self.settle(process)  # our own container lives as long as we do, whatever else comes and goes in it
        return process

    def _settle_parent(self, process: Tracked) -> None:
        """What has a child is past its exec, though its own turn to be looked at may come later: its session, which the
        child has too, can be told now. Where it is known from its way into the container, reading it finds it there."""
        parent = process.parent
        if parent is None or parent.ended is not None:
            return
        if parent.settled and (parent.session is not None or not parent.entered):
            return
        with suppress(ProcessGone, OSError):
            if self.read(parent) and parent.container == process.container:
                self.settle(parent)

    def _has_entered(self, process: Tracked, container_id: str) -> bool:
        """What has no parent here and is not the container's first process has come from outside."""
        alone = process.ppid == 0 and process.pid != 1 and container_id != HOST
        return alone and bool(self._roots.members(container_id))

    def _place_living(self, process: Tracked) -> None:
        """As `_place`; what has ended meanwhile stays where it was."""
        try:
            self._place(process)
        except ProcessGone:
            return

    def _place(self, process: Tracked) -> None:
        """Which container it is in; a process that enters from outside changes its cgroup on the way."""
        raw = self.procfs.record(f"{process.read_by[0]}/cgroup", 65_536)
        if raw == process.cgroup:
            return
        if process.settled and process.container is not None:
            self._roots.leave(process.container, process)
            process.settled = False
        process.cgroup = raw
        parent = process.parent
        alike = parent is not None and parent.cgroup == raw and parent.ended is None
        process.container = parent.container if parent and alike else self._placement.container(process)

    def _ended(self, end: End) -> None:
        process = self._table.living(end.pid)
        if process is None or process.start_ticks != end.start_ticks:
            return  # its number has been taken anew
        if not self.tracing.tells_end(process, end.status):
            self.ended(process, end.status)
