"""The events of file changes. A file is looked at when its change is told, so its facts are those of that moment."""

import errno
import os
import stat
from typing import NamedTuple

from collectors import rootfs
from collectors.file_actor import Actor
from collectors.file_changes import Change
from collectors.procfs import text
from collectors.watch_coverage import Reach
from sensor.model.errors import AccessDenied
from sensor.model.events import Container, Event, Evidence, File, Loss, Missing, Timestamp
from sensor.model.kinds import Kind
from sensor.model.protocols import HOST

OVERFLOW = "inotify_overflow"

NO_PROCESS = "inotify names no process"
SEVERAL = "inotify names no process, and several were there"
FACTS = ("file.size", "file.mode", "file.uid")

_EXECUTE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class Facts(NamedTuple):
    """What is at the path of a change when it is told, or why that is not known. `apart`: on the file system of its
    container's root, which no other container reaches."""

    status: os.stat_result | None = None
    missing: str | None = None
    apart: bool = False


def facts(change: Change, reach: Reach | None) -> Facts:
    """Look at the file, or at the directory of one that is gone."""
    if reach is None:
        return Facts(None, "gone")
    try:
        if change.kind is Kind.FILE_DELETE:
            directory = rootfs.status(reach.root_fd, os.path.dirname(change.path), remote=reach.remote)
            return Facts(None, "gone", _is_apart(directory, reach))
        status = rootfs.status(reach.root_fd, change.path, remote=reach.remote)
        return Facts(status, None, _is_apart(status, reach))
    except (FileNotFoundError, NotADirectoryError):
        return Facts(None, "gone")
    except AccessDenied:
        return Facts(None, "denied")
    except rootfs.Refused:
        return Facts(None, "remote")
    except OSError as error:
        return Facts(None, errno.errorcode.get(error.errno or 0, "unknown"))


def drifts(change: Change, found: Facts) -> bool:
    """Whether a file that can run has come or was changed. Where only programs are told that has been looked at;
    elsewhere the mode says so, and of a shared library its name: Debian's have no execute bit."""
    status = found.status
    if status is None or change.kind is Kind.FILE_OPEN or change.container == HOST:
        return False
    can_run = change.programs or bool(status.st_mode & _EXECUTE) or _is_library(change.path)
    return can_run and stat.S_ISREG(status.st_mode) and status.st_size > 0


def event(change: Change, found: Facts, actor: Actor, now: Timestamp) -> Event:
    """A change as an event. `now` is when it was told: inotify has no times, so it happened up to 0.1 s before."""
    status = found.status
    file = File(
        path=text(change.path),
        old_path=None if change.old_path is None else text(change.old_path),
        size=None if status is None else status.st_size,
        mode=None if status is None else status.st_mode,
        uid=None if status is None else status.st_uid,
        actor_evidence=actor.evidence,
        actor_candidates=actor.candidates,
        drift=True if drifts(change, found) else None,
    )
    missing = [Missing(name, found.missing) for name in FACTS if found.missing]
    if actor.process is None:
        missing.insert(0, Missing("process", SEVERAL if len(actor.candidates) > 1 else NO_PROCESS))
    container = None if change.container == HOST else Container(change.container)
    cut = ("file.actor_candidates",) if actor.cut else ()
    evidence = Evidence(change.source, tuple(missing), cut)
    return Event(
        change.kind, now, evidence, count=change.count, container=container, process=actor.process, file=file
    )  # fmt: skip


def hashed(event: Event, sha256: str | None, why: str) -> Event:
    """The event with the hash of its file, or with why it has none."""
    if event.file is None:
        return event
    if sha256 is not None:
        return event._replace(file=event.file._replace(sha256=sha256))
    missing = (*event.evidence.missing, Missing("file.sha256", why))
    return event._replace(evidence=event.evidence._replace(missing=missing))


def overflow(count: int, now: Timestamp) -> Event:
    """The kernel's queue was full `count` times; what was lost then, nobody knows."""
    loss = Loss(OVERFLOW, "unknown", None, "file_inotify")
    return Event(Kind.SENSOR_LOSS, now, Evidence("inotify"), count=count, loss=loss)


def _is_library(path: bytes) -> bool:
    """`libx.so`, `libx.so.1`, but not ld.so.conf and its like in /etc."""
    name = os.path.basename(path)
    return name.endswith(b".so") or (b".so." in name and name.rpartition(b".so.")[2][:1].isdigit())


def _is_apart(status: os.stat_result, reach: Reach) -> bool:
    return status.st_dev == os.fstat(reach.root_fd).st_dev
