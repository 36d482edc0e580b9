"""What the container may use: memory, processor, and whether its root can be written."""

import os
from collections.abc import Iterator
from pathlib import Path

from sensor.doctor.check import Check, degraded, ok

MIB = 1024 * 1024
LEAST_MEMORY = 64 * MIB
LEAST_CORES = 0.1
NO_LIMIT = 1 << 60
"""Version 1 of cgroups writes a number near 2^63 where there is no limit."""


def checks(cgroup: Path, contained: bool) -> Iterator[Check]:
    """All of this module. `cgroup` is where cgroups are mounted; `contained`: we run in a container."""
    yield memory(cgroup)
    yield processor(cgroup)
    if contained:
        yield root_file_system(os.statvfs("/").f_flag)


def memory(cgroup: Path) -> Check:
    """The limit of memory.max (cgroups v2) or memory.limit_in_bytes (v1)."""
    text = _first(cgroup / "memory.max", cgroup / "memory" / "memory.limit_in_bytes")
    if not text.isdecimal() or int(text) >= NO_LIMIT:
        return ok("memory limit", "none for this container")
    found = f"{int(text) // MIB} MiB"
    if int(text) >= LEAST_MEMORY:
        return ok("memory limit", found)
    return degraded("memory limit", f"{found}: little for a storm of events", f"give it {LEAST_MEMORY // MIB} MiB")


def processor(cgroup: Path) -> Check:
    """The limit of cpu.max (cgroups v2) or cpu.cfs_quota_us (v1), in cores."""
    quota, _, period = _first(cgroup / "cpu.max").partition(" ")
    if not period:
        quota, period = _first(cgroup / "cpu" / "cpu.cfs_quota_us"), _first(cgroup / "cpu" / "cpu.cfs_period_us")
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return ok("cpu limit", "none for this container")
    cores = int(quota) / int(period)
    if cores >= LEAST_CORES:
        return ok("cpu limit", f"{cores:.2f} cores")
    return degraded("cpu limit", f"{cores:.2f} cores: storms of events will be thinned out", f"give it {LEAST_CORES}")


def root_file_system(flags: int) -> Check:
    """Whether the container's root is read-only, as the sensor's can be. `flags` are those of statvfs(3)."""
    if flags & os.ST_RDONLY:
        return ok("root file system", "read-only")
    return ok("root file system", "writable", "readonlyRootFilesystem: true; the sensor writes no file")


def _first(*paths: Path) -> str:
    """The content of the first file that can be read, empty where none can."""
    for path in paths:
        try:
            return path.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
    return ""
