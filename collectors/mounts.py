"""Which mounts of a container must be left alone because a server or a process answers for them.

Their type is read from /proc/PID/mountinfo, which asks nobody; statfs(2) would wait for the very server that hangs.
"""

import re

from collectors.procfs import Procfs
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.protocols import TaskView

REMOTE_TYPES = frozenset(
    {
        *(b"nfs", b"nfs4", b"cifs", b"smb3", b"ncpfs", b"9p", b"afs", b"ceph", b"coda", b"lustre", b"beegfs"),
        *(b"gfs2", b"ocfs2", b"gpfs", b"pvfs2", b"autofs", b"fuse", b"fuseblk"),
    }
)
"""Types as the kernel names them. A type such as `fuse.sshfs` counts by its part before the dot. virtiofs is local: the
machine that runs the container answers for it."""

_OCTAL = re.compile(rb"\\([0-7]{3})")


def unescaped(field: bytes) -> bytes:
    """A path in mountinfo as it is: blanks and backslashes stand there as three octal digits."""
    return _OCTAL.sub(lambda found: bytes([int(found[1], 8)]), field)


def remote_mount_points(mountinfo: bytes) -> tuple[bytes, ...]:
    """The remote mount points in a /proc/PID/mountinfo (proc_pid_mountinfo(5)), as paths from that process's root.

    A local file system mounted over a remote one does not make the place local, since it may go away again.
    """
    points = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(b" - ")
        fields = before.split(b" ")
        if len(fields) > 4 and _is_remote_type(after):
            points.append(unescaped(fields[4]))
    return tuple(points)


def is_remote(mountinfo: bytes, mount_id: int) -> bool | None:
    """Whether the mount of this number (statx(2), stx_mnt_id) is a remote one; None where it is not listed."""
    number = b"%d " % mount_id
    for line in mountinfo.splitlines():
        before, dash, after = line.partition(b" - ")
        if dash and before.startswith(number):
            return _is_remote_type(after)
    return None


def remote_mounts_of(procfs: Procfs, process: str) -> tuple[bytes, ...] | None:
    """The same for a process (a PID, or `self`), or None where it cannot be told: it ended, or is not readable.

    Choose the process that was first in its container: a later one may have changed its root or its mounts.
    """
    try:
        return remote_mount_points(procfs.read(f"{process}/mountinfo"))
    except (ProcessGone, AccessDenied):
        return None


def remote_mounts_in(task: TaskView, procfs: Procfs, container_id: str) -> tuple[bytes, ...] | None:
    """The same for a container: by its oldest process, whose mounts are its own; for ours by the sensor's."""
    if container_id == task.own_container:
        return remote_mounts_of(procfs, "self")
    oldest_first = reversed(list(task.pids()))
    first = next((pid for pid in oldest_first if task.container_of(pid) == container_id), None)
    return None if first is None else remote_mounts_of(procfs, str(first))


def _is_remote_type(after: bytes) -> bool:
    """By what stands behind the dash of a line: the type, then the source."""
    return after.split(b" ", 1)[0].split(b".", 1)[0] in REMOTE_TYPES
