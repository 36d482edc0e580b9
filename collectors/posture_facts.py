"""What there is to know of a container before it can be judged: its programs with their rights, its root, its sockets.

One process stands for all with the same program and user. What entered from outside (sessions, health checks) and the
sensor itself are no part of the application; the agent of ECS Exec is told of by itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from collectors import rights
from collectors.container_key import root_mount
from collectors.environ import Secrets
from collectors.gated import GatedReads
from collectors.process_table import Tracked
from collectors.procfs import Procfs
from collectors.rights import Rights
from collectors.socket_table import Known
from sensor.model.errors import AccessDenied, ProcessGone

EXEC_AGENT = "/managed-agents/execute-command/"
"""Where ECS puts the agent of ECS Exec into a container."""
EXEC_AGENT_PROGRAMS = frozenset({"amazon-ssm-agent", "ssm-agent-worker", "ssm-session-worker"})
MOST_PROGRAMS = 256
"""Of a container that are looked at."""


class RunningProgram(NamedTuple):
    """A program of a container, by one process that runs it.

    `secrets` is None where its environment was not looked at: `unread` says why, or it has its parent's. `nested`: it
    is in a user namespace of its own, and has its rights only there.
    """

    process: Tracked
    rights: Rights
    secrets: Secrets | None = None
    unread: str | None = None
    nested: bool = False

    @property
    def name(self) -> str:
        """The executable's path, else the kernel's name for the process."""
        return self.process.exe or self.process.comm


@dataclass(slots=True)
class Facts:
    """Of one container. `writable_root` is None where no process could tell; `more`: not every program was looked at.

    `mapped_ports` is None where port mappings are not known: nothing is said of listeners then.
    """

    programs: list[RunningProgram] = field(default_factory=list)
    exec_agent: Tracked | None = None
    writable_root: bool | None = None
    listeners: Sequence[Known] = ()
    mapped_ports: frozenset[int] | None = None
    more: bool = False


def application(members: Iterable[Tracked]) -> tuple[list[Tracked], bool]:
    """The processes to look at, one for each program and user, in the order given; and whether there were more."""
    chosen: dict[tuple[str, int | None], Tracked] = {}
    for process in members:
        if process.own or process.session is not None or is_exec_agent(process):
            continue
        key = process.exe or process.comm, process.uid
        if key not in chosen and len(chosen) == MOST_PROGRAMS:
            return list(chosen.values()), True
        chosen.setdefault(key, process)
    return list(chosen.values()), False


def is_exec_agent(process: Tracked) -> bool:
    """Whether it belongs to ECS Exec; by its first argument where its executable is closed to us."""
    path = process.exe or (process.args[0] if process.args else "")
    return path.startswith(EXEC_AGENT) or path.rpartition("/")[2] in EXEC_AGENT_PROGRAMS


def is_pause(process: Tracked) -> bool:
    """Whether it is the platform's process that holds the namespaces: PID 1 of a shared PID namespace, as `/pause`."""
    path = process.exe or (process.args[0] if process.args else process.comm)
    return process.pid == 1 and path.rpartition("/")[2] == "pause"


def read_program(procfs: Procfs, gated: GatedReads, process: Tracked) -> RunningProgram | None:
    """None where it has ended."""
    try:
        found = rights.read(procfs, process.pid)
        strong = found.uid == 0 or bool(found.added)
        nested = strong and rights.has_users_of_its_own(procfs, process.pid)
        secrets, unread = (None, None) if has_its_parents_environment(process) else _secrets(gated, process)
    except ProcessGone:
        return None
    return RunningProgram(process, found, secrets, unread, nested)


def _secrets(gated: GatedReads, process: Tracked) -> tuple[Secrets | None, str | None]:
    try:
        return gated.secrets(process), None
    except AccessDenied:
        return None, "denied"


def has_its_parents_environment(process: Tracked) -> bool:
    """Whether nothing was executed since the fork, and the parent can be asked instead."""
    parent = process.parent
    return (
        not process.executed and parent is not None and parent.ended is None and parent.container == process.container
    )


def writable_root(procfs: Procfs, members: Iterable[Tracked]) -> bool | None:
    """Whether `/` may be written, by the mounts of the first process that lives: a later one may have its own."""
    for process in members:
        try:
            mount = root_mount(procfs.read(f"{process.pid}/mountinfo"))
        except (ProcessGone, AccessDenied):
            continue
        if mount is not None:
            return mount.writable
    return None
