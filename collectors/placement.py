"""Which container a process is in, as its cgroup or the device of its root tells."""

from collections.abc import Callable, Iterable

from collectors.container_key import CONTAINER_FILE_SYSTEMS, from_cgroup, pod_container_name, root_mount
from collectors.process_table import Tracked
from collectors.procfs import Procfs
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.protocols import HOST

INITS = frozenset({"docker-init", "tini", "dumb-init", "catatonit"})
"""What containers have as their first process to reap what ends in them; `docker-init` is that of ECS too."""


class Placement:
    """`own` is the container that the sensor itself runs in; `left_out` the same, None where others live there too.

    `on_device` has the known container whose root lies on a device.
    """

    def __init__(self, procfs: Procfs, own_pid: int, on_device: Callable[[str], str | None]) -> None:
        self._procfs = procfs
        self._on_device = on_device
        self.own, self._own_device = self._place_of_self()
        self.left_out = None if self.own == HOST or self._is_guest(own_pid) else self.own

    def container(self, process: Tracked) -> str | None:
        """By the cgroup that was read of the process last, else by its root. Raises AccessDenied."""
        return from_cgroup(process.cgroup or b"") or self._by_device(process)

    def name_in_pod(self, inside: Iterable[Tracked]) -> str | None:
        """The name that a pod gives to the container of these processes, from the first that still shows it."""
        for process in inside:
            try:
                return pod_container_name(self._procfs.read(f"{process.pid}/mountinfo"))
            except ProcessGone:
                continue
        return None

    def _by_device(self, process: Tracked) -> str | None:
        """By the root mount. A zombie has none any more, and what changed its root to a plain directory sees none
        (proc_pid_mountinfo(5)): both are taken to be where their parent is. A runtime on its way into a container
        has the container's root before its cgroup, and what it runs may be over by the next look."""
        try:
            mount = root_mount(self._procfs.read(f"{process.read_by[0]}/mountinfo"))
        except ProcessGone:
            return _of_parent(process)
        if mount is None and self._own_device:
            return _of_parent(process)
        if mount is None or mount.device == self._own_device:
            return self.own
        return self._on_device(mount.device) or mount.key

    def _is_guest(self, own_pid: int) -> bool:
        """Whether something that runs in our container has started us there. A sidecar is started from outside of it,
        or by an init."""
        try:
            ppid = self._procfs.stat(own_pid).ppid
            parent = self._procfs.stat(ppid) if ppid else None
            if parent is None or (parent.ppid == 0 and parent.comm in INITS):
                return False
            mount = root_mount(self._procfs.read(f"{ppid}/mountinfo"))
        except (ProcessGone, AccessDenied):
            return False
        return mount is not None and mount.device == self._own_device

    def _place_of_self(self) -> tuple[str, str]:
        mount = root_mount(self._procfs.read("self/mountinfo"))
        named = from_cgroup(self._procfs.read("self/cgroup", 65_536))
        if mount is None:
            return named or HOST, ""
        unnamed = mount.key if mount.fs_type in CONTAINER_FILE_SYSTEMS else HOST
        return named or unnamed, mount.device


def _of_parent(process: Tracked) -> str | None:
    return process.parent.container if process.parent else None
