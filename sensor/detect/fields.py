"""The fields that rules may ask for: names of Sigma's Linux taxonomy, of auditd's records, and of our own events.

Our own are those of docs/events.md with their part in front (`process.exe`, `container.image`, `task.family`,
`network.scope`), and a few that are derived. One whose part an event lacks is absent, as is one that is unknown.

| Sigma | here |
|---|---|
| `Image`, `exe` | the executable as the kernel has it, links followed: /bin/sh is /usr/bin/dash on Debian |
| `CommandLine`, `proctitle` | the arguments with a space between each two, secrets masked |
| `process.name` | the last part of the executable's path and of argument zero: what it is, what it was called as |
| `OriginalFileName` | the last part of the executable's path |
| `LogonId` | the user id, as Sysmon for Linux has it |
| `Parent…` | of the nearest ancestor; its arguments and user are those that it shows while the event passes |
| `SourceIp`, `DestinationIp`, … | from who connects to who is connected to, whichever of them is the task |
| `type`, `name`, `nametype`, `a0`…, `SYSCALL` | auditd's records that would tell the same: EXECVE, SYSCALL, PATH |

An argument zero is what the caller wrote there. So `process.name` is for what should match; what should *not* match
(a filter) is safer with `Image`.
"""

import typing
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from sensor.detect.facts import Facts, Value
from sensor.model import events
from sensor.model.kinds import Kind

Get = Callable[[Facts], Value]

EXEC = frozenset({Kind.PROCESS_EXEC})
PROCESS = frozenset({Kind.PROCESS_EXEC, Kind.PROCESS_EXIT, Kind.PROCESS_IDENTITY})
FILE = frozenset(kind for kind in Kind if kind.startswith("file."))
NETWORK = frozenset(kind for kind in Kind if kind.startswith("network."))
DNS = frozenset({Kind.DNS_QUERY})
CONTAINER = frozenset({Kind.CONTAINER_START, Kind.CONTAINER_STOP})
BY_PROCESS = PROCESS | FILE | NETWORK | DNS
"""Kinds that name the process they come from, where it is known."""
MATCHED = BY_PROCESS | CONTAINER
"""Kinds that rules are matched with; what the sensor says about itself is not."""

TEXTS: Mapping[str, tuple[str, ...]] = {
    "process": ("Image", "CommandLine", "CurrentDirectory", "User"),
    "file": ("file.path", "file.old_path"),
    "network": ("network.dst", "network.hostname"),
    "dns": ("dns.question", "QueryResults"),
}
"""What a keyword (the field `*`) is looked for in: all that a log line about the event would say, by part."""

AUDIT_ARGS = 32
"""The arguments that are there as `a0`, `a1` and so on."""
SETUID, SETGID, ANY_EXECUTE = 0o4000, 0o2000, 0o111

_AUDIT_TYPES = {Kind.PROCESS_EXEC: ("EXECVE", "SYSCALL", "PATH")}
_NAME_TYPES = {Kind.FILE_CREATE: "CREATE", Kind.FILE_DELETE: "DELETE", Kind.FILE_RENAME: "CREATE"}


PARTS: Mapping[str, Any] = {
    "process": events.Process,
    "file": events.File,
    "network": events.Network,
    "dns": events.Dns,
    "container": events.Container,
}
"""The parts of an event whose own fields rules may ask for."""


PLACES: dict[Get, tuple[int, int]] = {}
"""For getters of a field of a part: the places of the part in the event, and of the field in the part."""


class Field(NamedTuple):
    """The kinds of event that may have it, how to get it, and whether it has several values, of which any may match."""

    kinds: frozenset[Kind]
    get: Get
    several: bool = False


def base_name(path: str | None) -> str | None:
    """The last part of a path."""
    return None if path is None else path[path.rfind("/") + 1 :]


@cache
def _attribute(part: str, name: str) -> Get:
    """One getter for each, so that fields of the same meaning share their forms."""
    of_event = events.Event._fields.index(part)
    of_part = PARTS[part]._fields.index(name)

    def get(facts: Facts) -> Value:
        found: Any = facts.event[of_event]
        return None if found is None else typing.cast(Value, found[of_part])

    PLACES[get] = of_event, of_part
    return get


def _header_attribute(part: str, name: str) -> Get:
    def get(facts: Facts) -> Value:
        found = getattr(facts.header, part, None)
        return None if found is None else typing.cast(Value, getattr(found, name))

    return get


def _command_line(facts: Facts) -> Value:
    process = facts.event.process
    return None if process is None or process.args is None else " ".join(process.args)


def _names(facts: Facts) -> Value:
    process = facts.event.process
    if process is None:
        return ()
    exe, args = process.exe, process.args
    name = process.comm if exe is None else exe[exe.rfind("/") + 1 :]
    called = args[0][args[0].rfind("/") + 1 :].lstrip("-") if args else None
    if not called or called == name:
        return (name,) if name else ()
    return (name, called) if name else (called,)


@cache
def _base(part: str, name: str) -> Get:
    whole = _attribute(part, name)
    return lambda facts: base_name(typing.cast(str | None, whole(facts)))


def _audit_name(facts: Facts) -> Value:
    """The program of an exec as auditd has it: its first 15 bytes."""
    process = facts.event.process
    if process is None:
        return None
    return process.comm if process.exe is None else (base_name(process.exe) or "")[:15]


def _arg(index: int) -> Get:
    def get(facts: Facts) -> Value:
        process = facts.event.process
        args = process.args if process is not None else None
        return args[index] if args is not None and len(args) > index else None

    return get


@cache
def _ancestor(index: int, name: str) -> Get:
    def get(facts: Facts) -> Value:
        process = facts.event.process
        if process is None or len(process.ancestors) <= index:
            return None
        return typing.cast(Value, getattr(process.ancestors[index], name))

    return get


def _parent(name: str) -> Get:
    def get(facts: Facts) -> Value:
        parent = facts.parent()
        if parent is None:
            return None
        if name != "args":
            return typing.cast(Value, getattr(parent, name))
        return None if parent.args is None else " ".join(parent.args)

    return get


def _hash(facts: Facts) -> Value:
    process = facts.event.process
    return None if process is None or process.sha256 is None else f"SHA256={process.sha256}"


def _mode(bits: int) -> Get:
    def get(facts: Facts) -> Value:
        file = facts.event.file
        return None if file is None or file.mode is None else bool(file.mode & bits)

    return get


def _peer(outbound: str, inbound: str) -> Get:
    def get(facts: Facts) -> Value:
        network = facts.event.network
        if network is None:
            return None
        return typing.cast(Value, getattr(network, inbound if network.direction == "inbound" else outbound))

    return get


def _initiated(facts: Facts) -> Value:
    network = facts.event.network
    return None if network is None or network.direction is None else network.direction == "outbound"


def _answers(facts: Facts) -> Value:
    dns = facts.event.dns
    return None if dns is None else ";".join(dns.answers)


def _audit_path(facts: Facts) -> Value:
    event = facts.event
    if event.file is not None:
        return event.file.path
    return event.process.exe if event.process is not None else None


def _audit_types(facts: Facts) -> Value:
    return _AUDIT_TYPES.get(facts.event.kind, ("PATH",))


def _sigma() -> Iterator[tuple[str, Field]]:
    image, command = _attribute("process", "exe"), _command_line
    yield "Image", Field(BY_PROCESS, image)
    yield "CommandLine", Field(BY_PROCESS, command)
    yield "OriginalFileName", Field(BY_PROCESS, _base("process", "exe"))
    yield "CurrentDirectory", Field(BY_PROCESS, _attribute("process", "cwd"))
    yield "User", Field(BY_PROCESS, _attribute("process", "user"))
    yield "LogonId", Field(BY_PROCESS, _attribute("process", "uid"))
    yield "ProcessId", Field(BY_PROCESS, _attribute("process", "pid"))
    yield "Hashes", Field(BY_PROCESS, _hash)
    yield "ParentImage", Field(BY_PROCESS, _ancestor(0, "exe"))
    yield "ParentProcessId", Field(BY_PROCESS, _attribute("process", "ppid"))
    yield "ParentCommandLine", Field(BY_PROCESS, _parent("args"))
    yield "ParentUser", Field(BY_PROCESS, _parent("user"))
    yield "GrandParentImage", Field(BY_PROCESS, _ancestor(1, "exe"))
    yield "TargetFilename", Field(FILE, _attribute("file", "path"))
    yield "SourceFilename", Field(FILE, _attribute("file", "old_path"))
    yield "Initiated", Field(NETWORK, _initiated)
    yield "Protocol", Field(NETWORK, _attribute("network", "transport"))
    yield "SourceIp", Field(NETWORK, _peer("src", "dst"))
    yield "SourcePort", Field(NETWORK, _peer("src_port", "dst_port"))
    yield "DestinationIp", Field(NETWORK, _peer("dst", "src"))
    yield "DestinationPort", Field(NETWORK, _peer("dst_port", "src_port"))
    yield "DestinationHostname", Field(NETWORK, _attribute("network", "hostname"))
    for name in ("QueryName", "query"):
        yield name, Field(DNS, _attribute("dns", "question"))
    for name in ("QueryResults", "answer"):
        yield name, Field(DNS, _answers)
    yield "QueryStatus", Field(DNS, _attribute("dns", "rcode"))
    yield "record_type", Field(DNS, _attribute("dns", "type"))


def _auditd() -> Iterator[tuple[str, Field]]:
    yield "type", Field(EXEC | FILE, _audit_types, several=True)
    yield "exe", Field(EXEC, _attribute("process", "exe"))
    yield "comm", Field(EXEC, _audit_name)
    yield "proctitle", Field(EXEC, _command_line)
    yield "cwd", Field(EXEC, _attribute("process", "cwd"))
    for name in ("SYSCALL", "syscall"):
        yield name, Field(EXEC, lambda _: "execve")
    for name in ("euid", "uid"):
        yield name, Field(EXEC, _attribute("process", "uid"))
    yield "name", Field(EXEC | FILE, _audit_path)
    yield "nametype", Field(EXEC | FILE, lambda facts: _NAME_TYPES.get(facts.event.kind, "NORMAL"))
    for index in range(AUDIT_ARGS):
        yield f"a{index}", Field(EXEC, _arg(index))


def _own() -> Iterator[tuple[str, Field]]:
    by_part = {"process": BY_PROCESS, "file": FILE, "network": NETWORK, "dns": DNS, "container": MATCHED}
    for part, kinds in by_part.items():
        for name, hint in typing.get_type_hints(PARTS[part]).items():
            yield f"{part}.{name}", Field(kinds, _attribute(part, name), _is_several(hint))
    for part, names in (("task", events.Task._fields), ("pod", events.Pod._fields)):
        for name in names:
            if name != "labels":
                yield f"{part}.{name}", Field(MATCHED, _header_attribute(part, name))
    yield "evidence.source", Field(MATCHED, lambda facts: facts.event.evidence.source)
    yield "kind", Field(MATCHED, lambda facts: str(facts.event.kind))
    yield "process.name", Field(BY_PROCESS, _names, several=True)
    yield "process.exe_name", Field(BY_PROCESS, _base("process", "exe"))
    yield "process.command_line", Field(BY_PROCESS, _command_line)
    yield "process.parent_name", Field(BY_PROCESS, lambda f: base_name(typing.cast(str | None, _ancestor(0, "exe")(f))))
    yield "process.ancestors", Field(BY_PROCESS, _ancestor_paths, several=True)
    yield "file.name", Field(FILE, _base("file", "path"))
    yield "file.setuid", Field(FILE, _mode(SETUID))
    yield "file.setgid", Field(FILE, _mode(SETGID))
    yield "file.executable", Field(FILE, _mode(ANY_EXECUTE))


def _is_several(hint: Any) -> bool:
    """Whether the type, or the type besides None, is a tuple."""
    return any(typing.get_origin(part) is tuple for part in (hint, *typing.get_args(hint)))


def _ancestor_paths(facts: Facts) -> Value:
    process = facts.event.process
    return () if process is None else tuple(a.exe for a in process.ancestors if a.exe is not None)


def texts_of(facts: Facts, text: Callable[[str], str]) -> str:
    """The texts of the parts that the event has, a line each, as `text` gets them by their fields."""
    event = facts.event
    found = [text(name) for name in TEXTS["process"]] if event.process is not None else []
    for part in ("file", "network", "dns"):
        if getattr(event, part) is not None:
            found += [text(name) for name in TEXTS[part]]
    return "\n".join(found)


def _texts(facts: Facts) -> Value:
    return texts_of(facts, lambda name: str(FIELDS[name].get(facts) or ""))


FIELDS: Mapping[str, Field] = {**dict(_sigma()), **dict(_auditd()), **dict(_own()), "*": Field(MATCHED, _texts)}
"""Every field by its name."""

KIND_ONLY = frozenset({"type", "SYSCALL", "syscall", "nametype", "kind"})
"""Fields that the kind of the event alone decides."""

IN_KIND = {Kind.PROCESS_EXEC: {"name": "Image"}} | {kind: {"name": "TargetFilename"} for kind in FILE}
"""What a field of several meanings is in one kind of event."""


def _canonical() -> dict[str, str]:
    first: dict[tuple[Get, bool], str] = {}
    return {name: first.setdefault((field.get, field.several), name) for name, field in FIELDS.items()}


CANONICAL: Mapping[str, str] = _canonical()
"""For each field the first one that means the same."""
