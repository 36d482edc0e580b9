"""Which container a process belongs to, from what /proc always lets a reader see.

The cgroup path names it under ECS, Docker, containerd and CRI; where it does not (a private cgroup namespace shows
`0::/`), the device of the root mount tells containers apart, each overlay having one of its own.
"""

import re
from typing import NamedTuple

from collectors.mounts import unescaped
from collectors.procfs import text

_ECS = re.compile(rb"[0-9a-f]{32}-\d+")
_RUNTIME = re.compile(rb"[0-9a-f]{64}")
CONTAINER_FILE_SYSTEMS = frozenset({"overlay", "aufs", "fuse.fuse-overlayfs"})
"""Root file systems that only containers have."""


class RootMount(NamedTuple):
    """The mount at `/` of a process: device `MAJOR:MINOR`, file system type, and whether it may be written."""

    device: str
    fs_type: str
    writable: bool = True

    @property
    def key(self) -> str:
        """The container id where nothing better is known."""
        return f"root-{self.device}"


def from_cgroup(raw: bytes) -> str | None:
    """The container id in /proc/PID/cgroup (cgroups(7)), or None where the paths do not tell.

    Only the last element of a path counts, since containers may run inside containers; an ECS runtime id is
    preferred over a bare 64-digit one.
    """
    last = [line.rsplit(b"/", 1)[-1] for line in raw.splitlines()]
    for pattern in (_ECS, _RUNTIME):
        for element in last:
            if found := pattern.search(element):
                return found[0].decode()
    return None


def root_mount(mountinfo: bytes) -> RootMount | None:
    """The topmost mount at `/` in /proc/PID/mountinfo (proc_pid_mountinfo(5)); None where there is none."""
    found = None
    for line in mountinfo.splitlines():
        before, _, after = line.partition(b" - ")
        fields = before.split(b" ")
        if len(fields) > 5 and fields[4] == b"/":
            fs_type, _, rest = after.partition(b" ")
            found = RootMount(text(fields[2]), text(fs_type), _is_writable(fields[5], rest.rpartition(b" ")[2]))
    return found


def _is_writable(mount_options: bytes, super_options: bytes) -> bool:
    """Both the mount and its file system must be writable."""
    return b"ro" not in mount_options.split(b",") and b"ro" not in super_options.split(b",")


def pod_container_name(mountinfo: bytes) -> str | None:
    """A pod's container name, which the kubelet leaves in the source path of its termination log.

    The path is `…/pods/UID/containers/NAME/HASH`, mounted at the container's terminationMessagePath.
    """
    for line in mountinfo.splitlines():
        fields = line.split(b" ")
        if len(fields) > 4 and (found := re.search(rb"/pods/[^/]+/containers/([^/]+)/[^/]+$", fields[3])):
            return text(unescaped(found[1]))
    return None
