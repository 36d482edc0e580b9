"""The fields that rules may ask for: names of Sigma's Linux taxonomy, of auditd's records, and of our own events.

Our own are those of docs/events.md with their part in front (`process.exe`, `container.image`, `task.family`,
`network.scope`), and a few that are derived. One whose part an event lacks is absent: it matches nothing, and so `not`
of it matches. One that could not be read (`evidence.missing` names it) is neither: a rule fires only if it would
whatever the value is, so that a filter does not fail for want of arguments. Heartbeats count by rule what that left
undecided (`figures` of `detection`).

| Sigma | here |
|---|---|
| `Image`, `exe` | the executable as the kernel has it, links followed: /bin/sh is /usr/bin/dash on Debian |
| `CommandLine`, `proctitle` | the arguments with a space between each two, secrets among them |
| `process.name` | the last part of the path of the executable, of argument zero, and of a `#!` script |
| `OriginalFileName` | the last part of the executable's path |
| `LogonId` | the user id, as Sysmon for Linux has it |
| `Parent…` | of the nearest ancestor; its arguments and user are those that it shows while the event passes |
| `SourceIp`, `DestinationIp`, … | from who connects to who is connected to, whichever of them is the task |
| `type`, `name`, `nametype`, `a0`…, `SYSCALL` | auditd's records that would tell the same: EXECVE, SYSCALL, PATH |

Secrets are masked behind the rules, in events and detections alike. So a recorded event has `***` where the rule saw
the secret, and `rules test --events` and `rules tune` may find less of it.

A shell's command is matched a second time without the quotes and backslashes that change nothing: `cu''rl` and `c\\url`
are `curl` as well. Then `not` leaves out what either form has.

A program of many tools has its tool's name too: `busybox wget`, and `cat` where all of coreutils is one program. So
has a dynamic loader that of the program it is told to run: `/lib64/ld-linux-x86-64.so.2 /usr/bin/wget`.

An argument zero is what the caller wrote there. So `process.name` is for what should match; what should *not* match
(a filter) is safer with `Image`.
"""

import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from sensor.detect import getters
from sensor.detect.facts import Facts, Value
from sensor.detect.getters import NAME_TYPES, PARTS, Get
from sensor.model import events
from sensor.model.kinds import Kind

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


class Field(NamedTuple):
    """The kinds of event that may have it, how to get it, and whether it has several values, of which any may match."""

    kinds: frozenset[Kind]
    get: Get
    several: bool = False


def _sigma() -> Iterator[tuple[str, Field]]:
    image, command = getters.attribute("process", "exe"), getters.command_line
    yield "Image", Field(BY_PROCESS, image)
    yield "CommandLine", Field(BY_PROCESS, command)
    yield "OriginalFileName", Field(BY_PROCESS, getters.base_of("process", "exe"))
    yield "CurrentDirectory", Field(BY_PROCESS, getters.attribute("process", "cwd"))
    yield "User", Field(BY_PROCESS, getters.attribute("process", "user"))
    yield "LogonId", Field(BY_PROCESS, getters.attribute("process", "uid"))
    yield "ProcessId", Field(BY_PROCESS, getters.attribute("process", "pid"))
    yield "Hashes", Field(BY_PROCESS, getters.hashes)
    yield "ParentImage", Field(BY_PROCESS, getters.of_ancestor(0, "exe"))
    yield "ParentProcessId", Field(BY_PROCESS, getters.attribute("process", "ppid"))
    yield "ParentCommandLine", Field(BY_PROCESS, getters.of_parent("args"))
    yield "ParentUser", Field(BY_PROCESS, getters.of_parent("user"))
    yield "GrandParentImage", Field(BY_PROCESS, getters.of_ancestor(1, "exe"))
    yield "TargetFilename", Field(FILE, getters.attribute("file", "path"))
    yield "SourceFilename", Field(FILE, getters.attribute("file", "old_path"))
    yield "Initiated", Field(NETWORK, getters.initiated)
    yield "Protocol", Field(NETWORK, getters.attribute("network", "transport"))
    yield "SourceIp", Field(NETWORK, getters.peer("src", "dst"))
    yield "SourcePort", Field(NETWORK, getters.peer("src_port", "dst_port"))
    yield "DestinationIp", Field(NETWORK, getters.peer("dst", "src"))
    yield "DestinationPort", Field(NETWORK, getters.peer("dst_port", "src_port"))
    yield "DestinationHostname", Field(NETWORK, getters.attribute("network", "hostname"))
    for name in ("QueryName", "query"):
        yield name, Field(DNS, getters.attribute("dns", "question"))
    for name in ("QueryResults", "answer"):
        yield name, Field(DNS, getters.dns_answers)
    yield "QueryStatus", Field(DNS, getters.attribute("dns", "rcode"))
    yield "record_type", Field(DNS, getters.attribute("dns", "type"))


def _auditd() -> Iterator[tuple[str, Field]]:
    yield "type", Field(EXEC | FILE, getters.audit_types, several=True)
    yield "exe", Field(EXEC, getters.attribute("process", "exe"))
    yield "comm", Field(EXEC, getters.audit_name)
    yield "proctitle", Field(EXEC, getters.command_line)
    yield "cwd", Field(EXEC, getters.attribute("process", "cwd"))
    for name in ("SYSCALL", "syscall"):
        yield name, Field(EXEC, lambda _: "execve")
    for name in ("euid", "uid"):
        yield name, Field(EXEC, getters.attribute("process", "uid"))
    yield "name", Field(EXEC | FILE, getters.audit_path)
    yield "nametype", Field(EXEC | FILE, lambda facts: NAME_TYPES.get(facts.event.kind, "NORMAL"))
    for index in range(AUDIT_ARGS):
        yield f"a{index}", Field(EXEC, getters.argument(index))


def _own() -> Iterator[tuple[str, Field]]:
    by_part = {"process": BY_PROCESS, "file": FILE, "network": NETWORK, "dns": DNS, "container": MATCHED}
    for part, kinds in by_part.items():
        for name, hint in typing.get_type_hints(PARTS[part]).items():
            yield f"{part}.{name}", Field(kinds, getters.attribute(part, name), _is_several(hint))
    for part, names in (("task", events.Task._fields), ("pod", events.Pod._fields)):
        for name in names:
            if name != "labels":
                yield f"{part}.{name}", Field(MATCHED, getters.header_attribute(part, name))
    yield "evidence.source", Field(MATCHED, lambda facts: facts.event.evidence.source)
    yield "kind", Field(MATCHED, lambda facts: str(facts.event.kind))
    yield "process.name", Field(BY_PROCESS, getters.program_names, several=True)
    yield "process.exe_name", Field(BY_PROCESS, getters.base_of("process", "exe"))
    yield "process.command_line", Field(BY_PROCESS, getters.command_line)
    yield "process.parent_name", Field(BY_PROCESS, getters.parent_name)
    yield "process.ancestors", Field(BY_PROCESS, getters.ancestor_paths, several=True)
    yield "file.name", Field(FILE, getters.base_of("file", "path"))
    yield "file.setuid", Field(FILE, getters.mode_bits(SETUID))
    yield "file.setgid", Field(FILE, getters.mode_bits(SETGID))
    yield "file.executable", Field(FILE, getters.mode_bits(ANY_EXECUTE))


def _is_several(hint: Any) -> bool:
    """Whether the type, or the type besides None, is a tuple."""
    return any(typing.get_origin(part) is tuple for part in (hint, *typing.get_args(hint)))


def texts_of(facts: Facts, text: Callable[[str], str]) -> str:
    """The texts of the parts that the event has, a line each, as `text` gets them by their fields."""
    parts = (names for part, names in TEXTS.items() if getattr(facts.event, part) is not None)
    return "\n".join([text(name) for names in parts for name in names])


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
