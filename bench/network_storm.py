"""A storm of connections in a task that has a quarter of a core: what the sensor takes, and what it tells."""

import statistics
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from cpu_quota import CpuQuota
from lab import Lab
from network_ledger import Traffic, start_peer
from network_peer import QUICK
from short_processes import reports
from storm import CORES, SECONDS, used_for
from tables import table

PER_SECOND = 300
COUNTED = ("netlink_overflow", "connections_skipped", "network_socket_forgotten")
"""Losses that say how many connections they have cost, at most."""


def storm(lab: Lab, image: str) -> None:
    """To a few servers, as a service has them; the sensor knows the task's quota."""
    peer = start_peer(lab, image)
    with CpuQuota.of(CORES) as quota:
        task = lab.task(options=[quota.option], sensor_options=[f"--cpus={CORES:g}"])
        task.wait_healthy()
        wanted: dict[str, Any] = {"ports": [*QUICK], "per_second": PER_SECOND, "seconds": SECONDS}
        host = peer.address(lab.network)
        app = Traffic(lab, task, image, "rate", options=[quota.option], host=host, **wanted)
        points = used_for(SECONDS, quota, task.sensor.id)
        made = app.ledger(120)["made"]
        losses = reports(task, lab.ingest)[-1].get("losses", {})
        told = sum(e["count"] for e in app.told("network.flow") if e["network"].get("dst_port") in QUICK)
        for container in (app.app, task.sensor, task.pause):
            container.remove()
    peer.remove()
    skipped = counted(losses)
    head = ("made", "a second", "told", "went by, at most", "neither", "sensor's share", "last half")
    halves = [100 * (later.sensor - one.sensor) / (CORES * SECONDS / 2) for one, later in pairwise(points)]
    shares = (f"{statistics.mean(halves):.1f} %", f"{halves[-1]:.1f} %")
    row = (str(made), f"{made / SECONDS:.0f}", str(told), str(skipped), str(max(0, made - told - skipped)), *shares)
    wished = f"{PER_SECOND} connections a second for {SECONDS} s"
    print(f"\na storm of {wished}; pause, app and sensor share {CORES:g} cores\n")
    print(table(head, [row]))


def counted(losses: Mapping[str, int]) -> int:
    """How many connections were lost, at most."""
    return sum(losses.get(reason, 0) for reason in COUNTED)
