"""How much memory the sensor has, and how near to its limit the task is.

The limit is that of the sensor's own cgroup, where it has one (v2: memory.max, v1: memory.limit_in_bytes; the kernel's
Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst). Used is what cannot be given back: without the
inactive page cache. Where no cgroup that the sensor sees has a limit, it is what the platform says of the task, or the
machine's memory where that is less, and used is what the machine has not available (proc_meminfo(5)), if it is about as
large as the task, as Fargate's are.
"""

from collections.abc import Callable, Iterable

from sensor.telemetry.proc_files import PAGE, Read, content, content_or_nothing

ROOT = "/sys/fs/cgroup"
V2 = (f"{ROOT}/memory.max", f"{ROOT}/memory.current", f"{ROOT}/memory.stat", b"inactive_file")
V1 = (
    f"{ROOT}/memory/memory.limit_in_bytes",
    f"{ROOT}/memory/memory.usage_in_bytes",
    f"{ROOT}/memory/memory.stat",
    b"total_inactive_file",
)
NO_LIMIT = 1 << 60
"""v1 writes the largest number of pages, v2 `max`."""
LARGEST = 2
"""A machine with more than so many times the task's limit is not the task's alone."""
MEMINFO = "/proc/meminfo"
STATM = "/proc/self/statm"


class TaskMemory:
    """`limit` is what the platform says of the task, in bytes, None where it says nothing; `helpers` are the bytes of
    the sensor's processes besides the main one."""

    def __init__(
        self, *, limit: Callable[[], int | None], helpers: Callable[[], int] = lambda: 0, read: Read = content
    ) -> None:
        self._limit = limit
        self._helpers = helpers
        self._read = read

    def own(self) -> int:
        """Resident bytes of the sensor, those of its main process 0 where they cannot be read (proc_pid_statm(5))."""
        fields = self._text(STATM).split()
        main = int(fields[1]) * PAGE if len(fields) > 1 and fields[1].isdigit() else 0
        return main + self._helpers()

    def share(self) -> float | None:
        """The share of its limit that the task uses, 1 for all of it; None where no limit is known."""
        for limit_file, usage_file, stat_file, inactive in (V2, V1):
            limit, usage = _number(self._text(limit_file)), _number(self._text(usage_file))
            if limit is not None and usage is not None and 0 < limit < NO_LIMIT:
                return max(0, usage - (_of(self._text(stat_file).splitlines(), inactive) or 0)) / limit
        return self._share_of_machine()

    def _share_of_machine(self) -> float | None:
        limit, lines = self._limit(), self._text(MEMINFO).splitlines()
        total, available = _of(lines, b"MemTotal:"), _of(lines, b"MemAvailable:")
        if not limit or not total or available is None or total * 1024 > LARGEST * limit:
            return None
        return max(0, total - available) * 1024 / min(limit, total * 1024)

    def _text(self, path: str) -> bytes:
        return content_or_nothing(path, self._read)


def _of(lines: Iterable[bytes], name: bytes) -> int | None:
    """The number behind a name that begins a line."""
    found = next((fields for line in lines if (fields := line.split())[:1] == [name]), [])
    return _number(found[1]) if len(found) > 1 else None


def _number(text: bytes) -> int | None:
    text = text.strip()
    return int(text) if text.isdigit() else None
