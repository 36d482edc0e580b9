"""The events of file changes. The file is looked at when its change is told, so its facts are those of that moment."""

import errno
import os
from typing import NamedTuple

from collectors import rootfs
from collectors.file_changes import Change
from collectors.procfs import text
from collectors.watch_coverage import Reach
from sensor.model.errors import AccessDenied
from sensor.model.events import Container, Event, Evidence, File, Loss, Missing, Timestamp
from sensor.model.kinds import Kind
from sensor.model.protocols import HOST

OVERFLOW = "inotify_overflow"

NO_PROCESS = Missing("process", "inotify names no process")
FACTS = ("file.size", "file.mode", "file.uid")


class _Facts(NamedTuple):
    status: os.stat_result | None
    missing: str | None


def event(change: Change, reach: Reach | None, now: Timestamp) -> Event:
    """A change as an event. `now` is when it was told: inotify has no times, so it happened up to 0.1 s before."""
    facts = _facts(change, reach)
    status = facts.status
    file = File(
        path=text(change.path),
        old_path=None if change.old_path is None else text(change.old_path),
        size=None if status is None else status.st_size,
        mode=None if status is None else status.st_mode,
        uid=None if status is None else status.st_uid,
    )
    missing = (NO_PROCESS, *(Missing(name, facts.missing) for name in FACTS if facts.missing))
    container = None if change.container == HOST else Container(change.container)
    evidence = Evidence(change.source, missing)
    return Event(change.kind, now, evidence, count=change.count, container=container, file=file)


def overflow(count: int, now: Timestamp) -> Event:
    """The kernel's queue was full `count` times; what was lost then, nobody knows."""
    loss = Loss(OVERFLOW, "unknown", None, "file_inotify")
    return Event(Kind.SENSOR_LOSS, now, Evidence("inotify"), count=count, loss=loss)


def _facts(change: Change, reach: Reach | None) -> _Facts:
    if change.kind is Kind.FILE_DELETE or reach is None:
        return _Facts(None, "gone")
    try:
        return _Facts(rootfs.status(reach.root_fd, change.path, remote=reach.remote), None)
    except (FileNotFoundError, NotADirectoryError):
        return _Facts(None, "gone")
    except AccessDenied:
        return _Facts(None, "denied")
    except rootfs.Refused:
        return _Facts(None, "remote")
    except OSError as error:
        return _Facts(None, errno.errorcode.get(error.errno or 0, "unknown"))
