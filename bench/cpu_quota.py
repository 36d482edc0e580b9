"""A cgroup of this machine with a CPU quota, under which the containers of a task are put. Needs root; cgroups(7)."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from docker_cli import LABEL

CGROUPS = Path("/sys/fs/cgroup")
PERIOD_US = 100_000


class CpuQuota:
    """One quota for all of a task, as Fargate has it: the containers do not see it in their own cgroup."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._unified = (CGROUPS / "cgroup.controllers").exists()

    @classmethod
    @contextmanager
    def of(cls, cores: float) -> Iterator[Self]:
        """A quota of so many cores, removed at the end. Raises OSError where cgroups cannot be made."""
        quota = cls(f"{LABEL}-{uuid.uuid4().hex[:8]}")
        quota._make(cores)
        try:
            yield quota
        finally:
            quota._remove()

    @property
    def option(self) -> str:
        """What docker needs to put a container under it."""
        return f"--cgroup-parent=/{self.name}"

    def used(self, container_id: str = "") -> float:
        """CPU seconds of one container, or of all."""
        if self._unified:
            stat = (CGROUPS / self.name / container_id / "cpu.stat").read_text()
            return int(dict(line.split() for line in stat.splitlines())["usage_usec"]) / 1e6
        return int((CGROUPS / "cpuacct" / self.name / container_id / "cpuacct.usage").read_text()) / 1e9

    def _make(self, cores: float) -> None:
        quota = int(cores * PERIOD_US)
        if self._unified:
            (CGROUPS / self.name).mkdir()
            (CGROUPS / self.name / "cpu.max").write_text(f"{quota} {PERIOD_US}")
            return
        (CGROUPS / "cpu" / self.name).mkdir()
        (CGROUPS / "cpu" / self.name / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (CGROUPS / "cpu" / self.name / "cpu.cfs_quota_us").write_text(str(quota))

    def _remove(self) -> None:
        for place in [CGROUPS / self.name, *CGROUPS.glob(f"*/{self.name}")]:
            with suppress(OSError):  # a controller that has none, or a container that is still on its way out
                place.rmdir()
