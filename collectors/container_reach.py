"""How each container's files are reached: by its root, and around the mounts that may hang (`rootfs`)."""

from collectors.mounts import remote_mounts_of
from collectors.procfs import Procfs
from collectors.watch_coverage import Reach
from sensor.model.protocols import TaskView


class ContainerReach:
    """Called with a container, gives the way into it, None where there is none."""

    def __init__(self, task: TaskView, procfs: Procfs) -> None:
        self._task = task
        self._procfs = procfs
        self._remote: dict[str, tuple[bytes, ...] | None] = {}

    def __call__(self, container: str) -> Reach | None:
        root = self._task.root_of(container)
        return None if root is None else Reach(root, self._remote.get(container))

    def find_mounts(self, container: str) -> None:
        """Learn the remote mounts, by the container's oldest process, whose mounts are the container's; for our own by
        the sensor's."""
        self._remote[container] = self._remote_mounts(container)

    def forget(self, container: str) -> None:
        """The container has ended."""
        self._remote.pop(container, None)

    def _remote_mounts(self, container: str) -> tuple[bytes, ...] | None:
        if container == self._task.own_container:
            return remote_mounts_of(self._procfs, "self")
        oldest_first = reversed(list(self._task.pids()))
        first = next((pid for pid in oldest_first if self._task.container_of(pid) == container), None)
        return None if first is None else remote_mounts_of(self._procfs, str(first))
