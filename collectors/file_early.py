"""What a container's first program did to its files before the watches were in place.

The kernel tells nothing of that time, which on a busy machine is long enough for a script to plant a file and be done.
A file's status change time tells it afterwards: what the image or an earlier run of the container has left is older
than the container's first process (`executable_facts.drift`). What came and went again in that time leaves no trace.
"""

from collections.abc import Callable, Iterator

from collectors import rootfs
from collectors.file_changes import SCAN, Change, told
from collectors.watch_coverage import Coverage, Reach
from collectors.watch_table import WatchTable
from sensor.model.errors import SensorError
from sensor.model.events import Timestamp
from sensor.model.kinds import Kind
from sensor.model.protocols import HOST, TaskView


def came_ns(task: TaskView, container: str, began_ns: Timestamp, stopped: float) -> Timestamp | None:
    """When the container's first process was forked; None for one that was there before `began_ns`, and the machine.
    `stopped`: when an earlier run of the container was seen to end, in monotonic seconds."""
    if container == HOST:
        return None
    started = min((one.started for one in task.recent(container, stopped) if one.started is not None), default=None)
    return started if started is not None and started >= began_ns else None


class Early:
    """Looks at containers that have just come and are covered, for what was changed since `since_ns` (wall time)."""

    def __init__(self, *, coverage: Coverage, table: WatchTable, reach: Callable[[str], Reach | None]) -> None:
        self._coverage = coverage
        self._table = table
        self._reach = reach

    def changes(self, container: str, since_ns: Timestamp, since: float) -> Iterator[Change | None]:
        """What was changed and was not told since; None after each directory. After each of both other work may be
        done. `since` is the same moment in monotonic seconds.
        """
        for visited in self._coverage.visits(container, facts=True):
            names = self._table.names.of(container, visited.path) or {}
            for listed in visited.listed or ():
                ctime_ns = listed.ctime_ns
                if ctime_ns is not None and ctime_ns >= since_ns and ctime_ns != names.get(listed.name):
                    yield from self._of(container, visited.path, listed.name, since_ns, since)
            yield None

    def _of(self, container: str, path: bytes, name: bytes, since_ns: Timestamp, since: float) -> Iterator[Change]:
        place = self._table.at(container, path)
        went = self._table.names.has(container, path, name) is False  # and a notice has told so
        if place is not None and not went:
            kind = self._kind(container, path + b"/" + name, since_ns)
            yield from (change._replace(source=SCAN, since=since) for change in told(kind, (place,), name))

    def _kind(self, container: str, path: bytes, since_ns: Timestamp) -> Kind:
        """A creation, unless the file system knows that the file is older. It is not opened, since it may be a secret
        (`rootfs.status`)."""
        reach = self._reach(container)
        try:
            if reach is None:
                return Kind.FILE_CREATE
            _, born = rootfs.status_and_birth(reach.root_fd, path, remote=reach.remote)
        except (OSError, SensorError):
            return Kind.FILE_CREATE  # gone again, or not to be entered: that it came is what is known
        return Kind.FILE_MODIFY if born is not None and born < since_ns else Kind.FILE_CREATE
