"""The `file` object and File System Activity (1001)."""

import stat

from sensor.ocsf.common import UNKNOWN, add_place, common
from sensor.ocsf.fields import Field, Plain, found, move
from sensor.ocsf.process import actor
from sensor.ocsf.values import base_name, number_text, text

CLASS = 1001
CATEGORY = 1
ACTIVITIES = {
    "file.create": 1,
    "file.modify": 3,
    "file.delete": 4,
    "file.rename": 5,
    "file.attributes": 6,
    "file.open": 14,
}
TYPES = {
    stat.S_IFREG: 1,
    stat.S_IFDIR: 2,
    stat.S_IFCHR: 3,
    stat.S_IFBLK: 4,
    stat.S_IFSOCK: 5,
    stat.S_IFIFO: 6,
    stat.S_IFLNK: 7,
}

FILE = (
    Field("file.path", "path", text),
    Field("file.size", "size"),
    Field("file.uid", "owner.uid", number_text),
)
"""`file.mode` decides `type_id` and stays, as there is no place for it."""

RENAMED = (Field("file.path", "file_result.path", text), Field("file.old_path", "file.path", text))


def file_object(native: Plain) -> Plain | None:
    """The event's file, taken out of it; None where there is none."""
    path, mode = found(native, "file.path"), found(native, "file.mode")
    if path is None:
        return None
    file: Plain = {"name": base_name(path), "type_id": _type_id(mode)}
    move(FILE, native, file)
    return file


def activity(native: Plain) -> Plain | None:
    """A File System Activity; None where the event has no file."""
    old_path = found(native, "file.old_path")
    file = file_object(native) if "file" in native else None
    if file is None:
        return None
    ocsf = common(native, CLASS, CATEGORY, ACTIVITIES[native["kind"]])
    add_place(native, ocsf)
    ocsf["file"] = file
    if old_path is not None:
        ocsf["file_result"] = file
        ocsf["file"] = {"name": base_name(old_path), "type_id": file["type_id"]}
        move(RENAMED, native, ocsf)
    ocsf["actor"] = actor(native, ocsf)
    return ocsf


def _type_id(mode: int | None) -> int:
    return UNKNOWN if mode is None or not 0 <= mode < 2**32 else TYPES.get(stat.S_IFMT(mode), UNKNOWN)
