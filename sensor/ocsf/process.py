"""The `process` object, which stands in several classes, and Process Activity (1007)."""

from collections.abc import Sequence

from sensor.ocsf.common import add_place, common
from sensor.ocsf.fields import Field, Plain, found, move
from sensor.ocsf.values import as_milliseconds, base_name, command_line, number_text, sha256, text

CLASS = 1007
CATEGORY = 1
REGULAR_FILE = 1
ACTIVITIES = {"process.exec": 1, "process.exit": 2, "process.identity": 5}
UNKNOWN_ACTOR: Plain = {"app_name": "Unknown"}
"""Who did it is not known, and the class has to have somebody."""


def _program(exe: str) -> Plain | None:
    if text(exe) is None:
        return None
    return {"name": base_name(exe), "path": exe, "type_id": REGULAR_FILE}


def _parents(ancestors: Sequence[Plain]) -> Plain | None:
    """The chain above a process, each inside the one below it."""
    chain: Plain | None = None
    for ancestor in reversed(ancestors):
        process: Plain = {}
        move(ANCESTOR, dict(ancestor), process)
        if chain is not None:
            process["parent_process"] = chain
        chain = process
    return chain


def _group(gid: int) -> list[Plain]:
    return [{"uid": str(gid)}]


ANCESTOR = (
    Field("entity", "uid", text),
    Field("pid", "pid"),
    Field("exe", "file", _program),
    Field("exe", "name", base_name, within="file"),
)

PROCESS = (
    Field("process.entity", "uid", text),
    Field("process.pid", "pid"),
    Field("process.exe", "file", _program),
    Field("process.exe", "name", base_name, within="file"),
    Field("process.comm", "name"),
    Field("process.sha256", "file.hashes", sha256, within="file"),
    Field("process.args", "cmd_line", command_line),
    Field("process.start", "created_time", as_milliseconds),
    Field("process.uid", "user.uid", number_text),
    Field("process.user", "user.name"),
    Field("process.gid", "user.groups", _group, within="user"),
    Field("process.tty", "session.terminal", text),
    Field("process.ancestors", "parent_process", _parents),
    Field("process.ppid", "parent_process.pid"),
)

ACTIVITY = (Field("process.exit_code", "exit_code"),)


def process_object(native: Plain, ocsf: Plain) -> Plain | None:
    """The event's process, taken out of it, with the container that it runs in; None where there is none."""
    if not isinstance(native.get("process"), dict):
        return None
    process: Plain = {}
    move(PROCESS, native, process)
    if (container := found(ocsf, "device.container")) is not None:
        process["container"] = container
    return process


def actor(native: Plain, ocsf: Plain) -> Plain:
    """The event's process as the one who did it."""
    process = process_object(native, ocsf)
    return UNKNOWN_ACTOR if process is None else {"process": process}


def activity(native: Plain) -> Plain | None:
    """A Process Activity; None where the event has no process."""
    if "process" not in native:
        return None
    ocsf = common(native, CLASS, CATEGORY, ACTIVITIES[native["kind"]])
    add_place(native, ocsf)
    move(ACTIVITY, native, ocsf)
    process = process_object(native, ocsf) or {}
    ocsf["process"] = process
    ocsf["actor"] = _who(ocsf["activity_id"], process)
    return ocsf


def _who(activity_id: int, process: Plain) -> Plain:
    """A program is launched by the parent; what ends or changes its user is taken to do that itself.

    A process that a signal ended may have been killed by any other, but by whom the kernel does not say.
    """
    if activity_id == ACTIVITIES["process.exec"]:
        parent = process.get("parent_process")
        return {"process": _brief(parent)} if parent else UNKNOWN_ACTOR
    return {"process": _brief(process)}


def _brief(process: Plain) -> Plain:
    """Enough to know it by; the rest stands at the process itself."""
    return {name: process[name] for name in ("uid", "pid", "name") if name in process}
