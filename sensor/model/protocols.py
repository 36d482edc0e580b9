"""What the rooms of the house promise each other."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

from sensor.model.events import Ancestor, Event, Process, Timestamp

MOST_RECENT = 64
"""Processes that `TaskView.recent` gives at most."""

HOST = ""
"""The container id that stands for processes outside any container (a plain machine)."""


class Status(StrEnum):
    """How well something works here."""

    OK = "ok"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"
    STANDBY = "standby"
    """Not needed: something better does its work here, and it takes over where that ends."""


class Capability(NamedTuple):
    """What a probe found: the status, why it is not ok, what would mend it, and numbers of now by name."""

    status: Status
    reason: str | None = None
    mend: str | None = None
    figures: Mapping[str, int] = {}


class OpenFile(NamedTuple):
    """One descriptor by which a process has a file open (proc_pid_fdinfo(5)).

    `flags` are those of open(2), `position` and the file's `size` in bytes. `written` is how much the process has
    written to anything since its fork, -1 where the kernel does not tell.
    """

    number: int
    flags: int
    position: int
    size: int
    written: int = -1


class Recent(NamedTuple):
    """A process, and when it was found to have ended, in monotonic seconds; None while it lives.

    `started` is rounded down to 10 ms, and known a little less well where the process itself does not tell it.
    """

    process: Process
    ended: float | None = None
    started: Timestamp | None = None


class Holders(NamedTuple):
    """The PIDs of those that have a file open. `whole`: none was left out for want of time."""

    pids: tuple[int, ...] = ()
    whole: bool = True


class Declared(NamedTuple):
    """What the platform's metadata says of the task and no look at it shows.

    `mapped_ports` are the TCP ports that port mappings name; None where no mapping is told, or a range, of which no
    port is told. `managed` are the ids of containers that the platform has added by itself.
    """

    mapped_ports: frozenset[int] | None = None
    managed: frozenset[str] = frozenset()


Emit = Callable[[Event], bool]
"""Hands an event on. Never blocks; False means that it was dropped and has been counted."""


class ContainerListener(Protocol):
    """Told when a container of the task is first seen and when its last process has ended."""

    def container_started(self, container_id: str) -> None: ...

    def container_stopped(self, container_id: str) -> None: ...


class TaskView(Protocol):
    """What is known of the task, once, for all collectors. Container ids are as in `events.Container`, or `HOST`."""

    @property
    def own_container(self) -> str:
        """The container that the sensor itself runs in (`HOST` on a plain machine)."""
        ...

    @property
    def left_out(self) -> str | None:
        """The container that is the sensor's alone, so that nothing in it is watched; None where it has none."""
        ...

    def is_own(self, pid: int) -> bool:
        """Whether the PID is the sensor's own or a child of it; such processes appear in no event."""
        ...

    def process(self, pid: int) -> Process | None:
        """The process as far as it is known, read on demand if it was not yet seen; None when it is gone."""
        ...

    def current(self, entity: str) -> Process | None:
        """The process as it is known by now, also if it has ended within the last minute; nothing is read for it."""
        ...

    def container_of(self, pid: int) -> str | None:
        """The container of a process that is alive or ended within the last minute."""
        ...

    def ancestors(self, entity: str) -> tuple[Ancestor, ...]:
        """The chain above a known process, nearest first, at most 16 long."""
        ...

    def settled(self, entity: str) -> bool:
        """False while the process may still be between fork and exec; True for the unknown and the dead."""
        ...

    def pids(self) -> Iterable[int]:
        """The live processes, newest first."""
        ...

    def containers(self) -> Sequence[str]:
        """The containers that have a live process."""
        ...

    def root_of(self, container_id: str) -> int | None:
        """An O_PATH descriptor of the container's root, None where it cannot be reached (`why_no_root` says why).

        It belongs to the TaskView, which closes it when the container's last process ends.
        """
        ...

    def why_no_root(self, container_id: str) -> str | None:
        """The reason for a `root_of` that is None."""
        ...

    def owner_of(self, socket_inode: int, *, uid: int | None = None, quick: bool = False) -> int | None:
        """The PID that holds the socket, likely and new processes first; None when nobody readable was found to.

        `uid` is that of the socket, where it is known. `quick` is for what may be over in a moment: it takes less time,
        and sees the newest processes.
        """
        ...

    def holders_of(self, device: int, inode: int) -> Holders:
        """Who has the file open now, newest processes first, as far as the time for it reached."""
        ...

    def openings(self, pid: int, device: int, inode: int) -> tuple[OpenFile, ...]:
        """By which descriptors the process has the file open now; empty where that cannot be read."""
        ...

    def recent(self, container_id: str, since: float) -> Sequence[Recent]:
        """The processes of a container that live or ended since then (monotonic seconds), newest first, at most
        `MOST_RECENT`."""
        ...

    def lived_at(self, entity: str, moment: float) -> bool:
        """Whether a process had not ended then (monotonic seconds); False for what ended more than a minute ago."""
        ...

    def is_up_to_date(self) -> bool:
        """Whether every process that was started until now has been looked at."""
        ...

    def catch_up(self) -> None:
        """Look at the processes that were started since the last look."""
        ...

    def listen(self, listener: ContainerListener) -> None:
        """Call the listener for every container that is there, and from now on for each that comes and goes."""
        ...

    def unlisten(self, listener: ContainerListener) -> None:
        """Call it no more. A collector does this when it is cancelled, since it may be run again."""
        ...


class Collector(Protocol):
    """A source of events. Supervised: a failure restarts it with backoff and never takes the others down."""

    name: str

    def probe(self) -> Capability:
        """What it can see here; no side effects."""
        ...

    async def run(self, task: TaskView, emit: Emit) -> None:
        """Collect until cancelled, then release every descriptor."""
        ...


@runtime_checkable
class Reporting(Protocol):
    """A collector that knows more than its probe while it runs."""

    def status(self) -> Capability:
        """How well it sees now, and what it leaves out."""
        ...


class Encoding(StrEnum):
    """What a shipper wants to be handed: whole batches, or events one by one in our own form or in OCSF's."""

    BATCH = "batch"
    JSON = "json"
    OCSF = "ocsf"


class Roll(NamedTuple):
    """For a destination that keeps what it is sent as objects: one holds about that many events, or what has come in
    that many seconds, or less where the spool would have to hold too much of it (`outbox.OBJECT_BYTES`). A request that
    failed is made again as it was."""

    events: int
    age: float


class Limits(NamedTuple):
    """The most that one `send` may carry. For `Encoding.BATCH` a record is a whole sealed batch.

    With `roll` None the ordinary lane's batches are sent as they come; the urgent lane's always are.
    """

    records: int
    record_bytes: int
    request_bytes: int
    roll: Roll | None = None


class Shipper(Protocol):
    """Pushes records to one destination, nothing else: queue, retry and backoff live in `sensor.pipeline.delivery`."""

    name: str
    encoding: Encoding
    limits: Limits

    async def open(self) -> None:
        """Prepare connections. Raises `DeliveryError`."""
        ...

    async def send(self, records: Sequence[bytes]) -> Sequence[int]:
        """Push the records; the indices of those that failed and may be sent again.
        Raises `RetryableError` or `PermanentError` for all of them. May be called again while a call is under way:
        the two lanes do not wait for each other."""
        ...

    async def aclose(self) -> None:
        """Release connections. Safe to call more than once, and before `open`."""
        ...
