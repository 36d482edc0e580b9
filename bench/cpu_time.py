"""The sensor's CPU as this machine tells of it: a container that asked from within the task would be a change there."""

import time
from pathlib import Path

from docker_cli import Container, docker

SETTLED_S = 75
"""For a minute after a container has come the sensor looks for others more often."""


def on_cpu(container: Container) -> float:
    """Seconds that the container's living processes were on a core: a health check that is over does not count."""
    pids = docker("top", container.id, "-eo", "pid").split()[1:]
    threads = [file for pid in pids for file in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(file.read_text().split()[0]) for file in threads) / 1e9


def used_in(container: Container, seconds: float) -> float:
    """The share of one core that it takes from now on for so long, in percent."""
    before, begin = on_cpu(container), time.monotonic()
    time.sleep(seconds)
    return 100 * (on_cpu(container) - before) / (time.monotonic() - begin)
