"""How the values of fields are got from an event; None, or no value among several, where they are absent."""

import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from sensor.detect.facts import Facts, Value
from sensor.model import events
from sensor.model.kinds import Kind
from sensor.model.multicall import MULTICALL

Get = Callable[[Facts], Value]

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

_AUDIT_TYPES = {Kind.PROCESS_EXEC: ("EXECVE", "SYSCALL", "PATH")}
NAME_TYPES = {Kind.FILE_CREATE: "CREATE", Kind.FILE_DELETE: "DELETE", Kind.FILE_RENAME: "CREATE"}


def base_name(path: str | None) -> str | None:
    """The last part of a path."""
    return None if path is None else path[path.rfind("/") + 1 :]


@cache
def attribute(part: str, name: str) -> Get:
    """One getter for each, so that fields of the same meaning share their forms."""
    of_event = events.Event._fields.index(part)
    of_part = PARTS[part]._fields.index(name)

    def get(facts: Facts) -> Value:
        found: Any = facts.event[of_event]
        return None if found is None else typing.cast(Value, found[of_part])

    PLACES[get] = of_event, of_part
    return get


def header_attribute(part: str, name: str) -> Get:
    """A field of the task or pod, which stands in the header."""

    def get(facts: Facts) -> Value:
        found = getattr(facts.header(), part, None)
        return None if found is None else typing.cast(Value, getattr(found, name))

    return get


def command_line(facts: Facts) -> Value:
    """The arguments, joined."""
    process = facts.event.process
    return None if process is None or process.args is None else " ".join(process.args)


INTERPRETERS = frozenset(
    {"sh", "ash", "bash", "busybox", "dash", "ksh", "zsh", "lua", "node", "nodejs", "perl", "php", "python", "ruby"}
)
"""Programs that scripts name behind `#!`, without the numbers of versions."""
_VERSION = "0123456789."
LOADERS = ("ld-linux", "ld-musl-", "ld-2.", "ld.so")
"""How the names of dynamic loaders begin, which run the program that an argument names (ld.so(8), musl's ldso)."""
_LOADER_VALUES = ("--library-path", "--inhibit-rpath", "--audit", "--preload", "--argv0", "--glibc-hwcaps-")
"""Their options that take the next argument, or what is behind a `=`."""
_TOOL_OPTIONS = ("--coreutils-prog-shebang=", "--coreutils-prog=")


def program_names(facts: Facts) -> Value:
    """What the program is, what it was called as where that differs, of a script its own name, of a program of many
    tools the tool, and of a dynamic loader what it runs.

    The kernel starts an interpreter in place of a `#!` script, with the script's path behind at most one option
    (fs/binfmt_script.c); what comes behind a `-c` is a command.
    """
    process = facts.event.process
    if process is None:
        return ()
    exe, args = process.exe, process.args
    name = process.comm if exe is None else exe[exe.rfind("/") + 1 :]
    called = args[0][args[0].rfind("/") + 1 :].lstrip("-") if args else None
    names = [name] if name else []
    if called and called != name:
        names.append(called)
    if args is not None and name and name.rstrip(_VERSION) in INTERPRETERS and (script := _script(args)):
        names.append(script)
    if args is not None and called and called.startswith(MULTICALL) and (tool := _tool(args)):
        names.append(tool)
    if args is not None and name and name.startswith(LOADERS) and (program := _loaded(args)):
        names.append(program)
    return tuple(names)


def _loaded(args: tuple[str, ...]) -> str | None:
    """The last part of the path behind a loader's options."""
    words = iter(args[1:])
    for word in words:
        if not word.startswith("-"):
            return base_name(word)
        if word.startswith(_LOADER_VALUES) and "=" not in word:
            next(words, None)
    return None


def _tool(args: tuple[str, ...]) -> str | None:
    """What the first argument names, by its path or in an option."""
    word = args[1] if len(args) > 1 else ""
    if not word.startswith("-"):
        return base_name(word)
    return next((word.removeprefix(option) for option in _TOOL_OPTIONS if word.startswith(option)), None)


def _script(args: tuple[str, ...]) -> str | None:
    """The last part of a script's path; one without a slash is as a person may write it, and may be anything."""
    option = args[1] if len(args) > 1 and args[1].startswith("-") else None
    at = 1 if option is None else 2
    if len(args) <= at or "/" not in args[at] or " " in args[at] or _is_command(option):
        return None
    return base_name(args[at])


def _is_command(option: str | None) -> bool:
    return option is not None and not option.startswith("--") and "c" in option


@cache
def base_of(part: str, name: str) -> Get:
    """The last part of the path in a field."""
    whole = attribute(part, name)
    return lambda facts: base_name(typing.cast(str | None, whole(facts)))


def audit_name(facts: Facts) -> Value:
    """The program of an exec as auditd has it: its first 15 bytes."""
    process = facts.event.process
    if process is None:
        return None
    return process.comm if process.exe is None else (base_name(process.exe) or "")[:15]


def argument(index: int) -> Get:
    """One argument."""

    def get(facts: Facts) -> Value:
        process = facts.event.process
        args = process.args if process is not None else None
        return args[index] if args is not None and len(args) > index else None

    return get


@cache
def of_ancestor(index: int, name: str) -> Get:
    """A field of a process above, 0 for the nearest."""

    def get(facts: Facts) -> Value:
        process = facts.event.process
        if process is None or len(process.ancestors) <= index:
            return None
        return typing.cast(Value, getattr(process.ancestors[index], name))

    return get


def of_parent(name: str) -> Get:
    """A field of the nearest process above as it is known now; `args` joined."""

    def get(facts: Facts) -> Value:
        parent = facts.parent()
        if parent is None:
            return None
        if name != "args":
            return typing.cast(Value, getattr(parent, name))
        return None if parent.args is None else " ".join(parent.args)

    return get


def hashes(facts: Facts) -> Value:
    """The executable's hash as Sysmon writes it."""
    process = facts.event.process
    return None if process is None or process.sha256 is None else f"SHA256={process.sha256}"


def mode_bits(bits: int) -> Get:
    """Whether the file has one of these mode bits."""

    def get(facts: Facts) -> Value:
        file = facts.event.file
        return None if file is None or file.mode is None else bool(file.mode & bits)

    return get


def peer(outbound: str, inbound: str) -> Get:
    """A field of one end, named for outbound and for inbound connections."""

    def get(facts: Facts) -> Value:
        network = facts.event.network
        if network is None:
            return None
        return typing.cast(Value, getattr(network, inbound if network.direction == "inbound" else outbound))

    return get


def initiated(facts: Facts) -> Value:
    """Whether the task began the connection."""
    network = facts.event.network
    return None if network is None or network.direction is None else network.direction == "outbound"


def dns_answers(facts: Facts) -> Value:
    """The answers, joined with semicolons."""
    dns = facts.event.dns
    return None if dns is None else ";".join(dns.answers)


def audit_path(facts: Facts) -> Value:
    """The path in a PATH record."""
    event = facts.event
    if event.file is not None:
        return event.file.path
    return event.process.exe if event.process is not None else None


def audit_types(facts: Facts) -> Value:
    """The types of the records that would tell the event."""
    return _AUDIT_TYPES.get(facts.event.kind, ("PATH",))


def ancestor_paths(facts: Facts) -> Value:
    """The executables above, nearest first."""
    process = facts.event.process
    return () if process is None else tuple(a.exe for a in process.ancestors if a.exe is not None)


def parent_name(facts: Facts) -> Value:
    """The last part of the path of the executable above."""
    process = facts.event.process
    return base_name(process.ancestors[0].exe) if process is not None and process.ancestors else None
