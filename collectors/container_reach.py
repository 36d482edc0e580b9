"""How each container's files are reached: by its root, and around the mounts that may hang (`rootfs`)."""

from collectors.mounts import remote_mounts_in
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
        """Learn which of the container's mounts are remote."""
        self._remote[container] = remote_mounts_in(self._task, self._procfs, container)

    def forget(self, container: str) -> None:
        """The container has ended."""
        self._remote.pop(container, None)
