"""What a container's state is judged by at run time: one small function a check, and the table of them.

A check that says the same as one of `fargate-sensor check` has its id and severity. Secrets in the environment are one
level less severe here: those that ECS or Kubernetes filled in from a secret, as they should, look the same as others.
That a process may gain privileges (NoNewPrivs off) is no check: nearly all may.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from collectors.inet_diag import address_text, is_unspecified
from collectors.posture_facts import Facts, RunningProgram
from collectors.rights import NO_SECCOMP, SYS_PTRACE
from collectors.socket_table import Known
from sensor.model.events import Missing, Process

PROC, SOCK_DIAG = "procfs", "sock_diag"
"""Values of `evidence.source`."""


class Finding(NamedTuple):
    """What a check found: all of `found`, as in `events.Posture`, and the first process that shows it. `cut`: there is
    more that was not looked at."""

    found: tuple[str, ...] = ()
    process: Process | None = None
    source: str = PROC
    missing: tuple[Missing, ...] = ()
    cut: bool = False


class Check(NamedTuple):
    """One check. `once`: that more of it is found later is no news (any program as root, say)."""

    id: str
    title: str
    severity: str
    remedy: str
    find: Callable[[Facts], Finding | None]
    once: bool = False


def root_user(facts: Facts) -> Finding | None:
    """Programs whose effective uid is 0 in the container's own user namespace."""
    return _of_programs(facts, [one for one in facts.programs if one.rights.uid == 0 and not one.nested])


def writable_root(facts: Facts) -> Finding | None:
    """The mount at `/` and its file system are writable."""
    return Finding() if facts.writable_root else None


def secret_in_environment(facts: Facts) -> Finding | None:
    """The names of variables that hold secrets; their values are looked at where they are read and go nowhere."""
    holders = [one for one in facts.programs if one.secrets is not None and one.secrets.names]
    if not holders:
        return None
    names = dict.fromkeys(name for one in holders if one.secrets for name in one.secrets.names)
    unread = any(one.unread for one in facts.programs)
    cut = facts.more or any(one.secrets.cut for one in facts.programs if one.secrets)
    missing = (Missing("posture.found", "denied"),) if unread else ()
    return _found(names, holders[0].process.snapshot(), missing=missing, cut=cut)


def added_capabilities(facts: Facts) -> Finding | None:
    """Effective capabilities beyond those that a container has by itself; SYS_PTRACE has a check of its own."""
    return _of_rights(facts, lambda name: name != SYS_PTRACE)


def ptrace_without_need(facts: Facts) -> Finding | None:
    """SYS_PTRACE in effect; the sensor's own container is not looked at."""
    return _of_rights(facts, lambda name: name == SYS_PTRACE)


def unmapped_listener(facts: Facts) -> Finding | None:
    """TCP sockets that listen on every address, on ports that no port mapping of the task names.

    Under awsvpc a mapping opens nothing and its absence closes nothing: such a port is reachable as far as the security
    group lets, and nobody has written it down. Only ECS tells mappings (its metadata); without any told there, in pods
    and under docker nothing is said. UDP is left out: an unconnected socket may be a client's.
    """
    ports = facts.mapped_ports
    if ports is None:
        return None
    open_ones = [one for one in facts.listeners if is_unspecified(one.ends.src) and one.ends.src_port not in ports]
    if not open_ones:
        return None
    owner = open_ones[0].owner
    return _found(map(_address, open_ones), owner.process if owner else None, source=SOCK_DIAG)


def exec_agent_present(facts: Facts) -> Finding | None:
    """The processes that ECS Exec puts into a container, whether or not a session is open."""
    agent = facts.exec_agent
    return None if agent is None else Finding((agent.exe or agent.comm,), agent.snapshot())


def no_seccomp(facts: Facts) -> Finding | None:
    """Programs that run without any seccomp filter."""
    return _of_programs(facts, [one for one in facts.programs if one.rights.seccomp == NO_SECCOMP])


CHECKS = (
    Check(
        "root-user",
        "A program runs as root",
        "medium",
        "Name a user other than 0 in the task definition (a pod: runAsUser), or in the image.",
        root_user,
        once=True,
    ),
    Check(
        "writable-root",
        "The root file system can be written",
        "medium",
        "Set readonlyRootFilesystem (a pod: readOnlyRootFilesystem), and mount a volume or tmpfs where it writes.",
        writable_root,
        once=True,
    ),
    Check(
        "secret-in-environment",
        "A secret stands in the environment of a process",
        "medium",
        "Let the program fetch it from Secrets Manager with the task's role, or read it from a file: all it starts "
        "inherits its environment, also where ECS or Kubernetes filled it in from a secret.",
        secret_in_environment,
    ),
    Check(
        "added-capabilities",
        "A program holds more capabilities than containers have by themselves",
        "high",
        "Take them out of capabilities.add.",
        added_capabilities,
    ),
    Check(
        "ptrace-without-need",
        "A program besides the sensor holds SYS_PTRACE",
        "high",
        "Take SYS_PTRACE out of capabilities.add; only a sensor or a debugger needs it.",
        ptrace_without_need,
        once=True,
    ),
    Check(
        "unmapped-listener",
        "A port that no mapping names is open on every address",
        "low",
        "Let it listen on 127.0.0.1, or name it in portMappings; the security group decides who reaches it.",
        unmapped_listener,
    ),
    Check(
        "exec-agent-present",
        "The agent of ECS Exec runs in the container",
        "low",
        "Switch enableExecuteCommand off where nobody needs it, and log its sessions where somebody does.",
        exec_agent_present,
        once=True,
    ),
    Check(
        "no-seccomp",
        "A program runs without a seccomp filter",
        "low",
        "In a pod set seccompProfile to RuntimeDefault; a task on Fargate has no choice.",
        no_seccomp,
        once=True,
    ),
)
"""In the order of the documents."""


def _of_programs(facts: Facts, programs: list[RunningProgram]) -> Finding | None:
    if not programs:
        return None
    first = programs[0].process
    unread = tuple(missing for missing in first.missing if missing.field == "process.exe")
    return _found((one.name for one in programs), first.snapshot(), missing=unread, cut=facts.more)


def _of_rights(facts: Facts, wanted: Callable[[str], bool]) -> Finding | None:
    programs = [one for one in facts.programs if not one.nested]
    holders = [(one, held) for one in programs if (held := sorted(filter(wanted, one.rights.added)))]
    if not holders:
        return None
    first, _ = holders[0]
    return _found((name for _, held in holders for name in held), first.process.snapshot(), cut=facts.more)


def _found(
    names: Iterable[str],
    process: Process | None,
    *,
    source: str = PROC,
    missing: tuple[Missing, ...] = (),
    cut: bool = False,
) -> Finding:
    return Finding(tuple(dict.fromkeys(names)), process, source, missing, cut)


def _address(known: Known) -> str:
    address = address_text(known.family, known.ends.src)
    shown = f"[{address}]" if ":" in address else address
    return f"tcp {shown}:{known.ends.src_port}"
