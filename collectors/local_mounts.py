"""Whether an open file is on a file system that answers by itself, so that reading it cannot hang.

The type of a mount is found in the mountinfo of a process that sees it (proc_pid_mountinfo(5)); statfs(2) would wait
for the very server that hangs. What was local once counts as local from then on, by its numbers: these could be given
to another mount later, but only whoever may mount file systems could arrange that.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator

from collectors.mounts import is_remote
from collectors.process_table import Tracked
from collectors.procfs import Procfs
from collectors.statx import Place, place
from sensor.model.errors import AccessDenied, ProcessGone

REMEMBERED = 256
"""Mounts that are known to be local."""


class LocalMounts:
    """Asks the processes that a file may belong to; what nobody lists is not taken for local."""

    def __init__(self, procfs: Procfs) -> None:
        self._procfs = procfs
        self._known: OrderedDict[Place, None] = OrderedDict()
        self._memory = _memory()

    def has(self, where: Place, process: Tracked) -> bool:
        """Whether the place, where the process has its executable, is local."""
        if where in self._known:
            self._known.move_to_end(where)
            return True
        if where == self._memory:
            return True
        if not self._is_listed_local(where, process):
            return False
        self._known[where] = None
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return True

    def _is_listed_local(self, where: Place, process: Tracked) -> bool:
        for name in _witnesses(process):
            try:
                remote = is_remote(self._procfs.read(f"{name}/mountinfo"), where.mount_id)
            except (ProcessGone, AccessDenied):
                continue
            if remote is not None:
                return not remote
        return False


def _witnesses(process: Tracked) -> Iterator[str]:
    """Whose mounts may list the place: after a chroot(2) the parent's do, and of what was entered from here ours."""
    yield str(process.pid)
    if process.parent is not None and process.parent.ended is None:
        yield str(process.parent.pid)
    yield "self"


def _memory() -> Place | None:
    """The kernel's own mount, listed nowhere, where memfd_create(2) puts its files."""
    try:
        fd = os.memfd_create("", os.MFD_CLOEXEC)
    except OSError:
        return None
    try:
        return place(fd)
    except OSError:
        return None
    finally:
        os.close(fd)
