"""What seeing connections costs: a steady rate of short ones with and without the sensor, and many open ones."""

import json
import statistics
import time
from functools import partial
from typing import Any, NamedTuple

from cpu_time import on_cpu, used_in
from docker_cli import wait_for
from lab import Lab
from network_ledger import Traffic, read, start_peer
from network_peer import KEEP, QUICK
from network_storm import counted
from pairs import ratios, without_and_with
from short_processes import reports
from tables import table
from terms import TERMS, Terms

PER_SECOND = 1000
OPEN = 10_000
ENOUGH = "--ulimit=nofile=16384:16384"
"""Descriptors for `OPEN` connections."""
QUIET_S = 30
SETTLE_S = 45

HEAD = (
    "a second, without",
    "with",
    "median us, without",
    "with",
    "generator's CPU",
    "sensor's CPU",
    "made",
    "told",
    "lost",
    "neither",
)

DUMPS = """
import itertools, json, time
from collectors import netlink_socket
from collectors.network_procfs import SocketLooks
from collectors.procfs import Procfs
from sensor.model.counters import Counters
def measured(dump):
    sockets, longest, used = 0, 0.0, time.thread_time()
    for kind in netlink_socket.KINDS:
        began = time.thread_time()
        for decoded in dump(*kind):
            sockets += len(decoded.sockets)
            longest, began = max(longest, time.thread_time() - began), time.thread_time()
        longest = max(longest, time.thread_time() - began)
    return sockets, time.thread_time() - used, longest
looks = SocketLooks(Procfs(), Counters(), itertools.count(1))
ways = {"sock_diag": netlink_socket.dump, "/proc/net": looks.dump}
print(json.dumps({name: [measured(dump) for _ in range(5)] for name, dump in ways.items()}))
"""
"""Run in the sensor's container: CPU seconds of whole dumps, and the longest step between two turns of the loop."""


class Run(NamedTuple):
    """One run of the generator; with the sensor also its CPU seconds, the flows told, and what was counted as lost."""

    load: dict[str, Any]
    cpu_s: float = 0.0
    told: int = 0
    lost: dict[str, int] = {}


def rate(lab: Lab, image: str, rounds: int, seconds: float) -> None:
    """Pairs of runs on both terms, in turns: as a deployed sensor does it, so above a rate flows may be folded."""
    for terms in TERMS:
        pairs = without_and_with(partial(run, lab, image, terms, seconds), rounds)
        rows = [row(without, seconds, with_it) for without, with_it in pairs]
        print(f"\n{PER_SECOND} connections a second for {seconds:g} s; {terms.name}\n")
        print(table(HEAD, rows))
        for what in ("per_second", "median_us", "mean_us", "cpu_s"):
            before, after = ([one.load[what] for one in runs] for runs in zip(*pairs, strict=True))
            more, least, most = (100 * (ratio - 1) for ratio in ratios(after, before))
            both = f"{statistics.median(before):.4g} without, {statistics.median(after):.4g} with the sensor"
            print(f"median of {what}: {both}, in pairs {more:+.1f} % ({least:+.1f} to {most:+.1f})")


def run(lab: Lab, image: str, terms: Terms, seconds: float, *, watched: bool) -> Run:
    """One run, in a task with a sensor or in one whose sensor was ended."""
    peer, task = start_peer(lab, image), lab.task(ptrace=terms.ptrace)
    task.wait_healthy()
    if not watched:
        task.sensor.remove()
    wanted = {"ports": [*QUICK], "per_second": PER_SECOND, "seconds": seconds}
    used = on_cpu(task.sensor) if watched else 0.0
    app = Traffic(lab, task, image, "rate", user=terms.user, host=peer.address(lab.network), **wanted)
    result = finished(lab, app, task, used) if watched else Run(ended(app, seconds))
    for container in (app.app, task.sensor, task.pause, peer):
        container.remove()
    return result


def finished(lab: Lab, app: Traffic, task: Any, used: float) -> Run:
    """With the sensor: its CPU until the generator ended, then what it told in its whole life."""
    app.app.wait_stopped(120)
    used = on_cpu(task.sensor) - used
    load = app.ledger(120)
    health = reports(task, lab.ingest)
    flows = (e for e in app.told("network.flow") if e["network"].get("dst_port") in QUICK)
    lost = {name: n for name, n in health[-1].get("losses", {}).items() if n}
    return Run(load, used, sum(event["count"] for event in flows), lost)


def ended(app: Traffic, seconds: float) -> dict[str, Any]:
    """Without the sensor nobody tells of the end but docker."""
    app.app.wait_stopped(seconds + 60)
    return dict(read(app.app))


def row(without: Run, seconds: float, with_it: Run) -> tuple[str, ...]:
    """One pair."""
    return (
        f"{without.load['per_second']:.1f}",
        f"{with_it.load['per_second']:.1f}",
        f"{without.load['median_us']:.0f}",
        f"{with_it.load['median_us']:.0f}",
        f"{without.load['cpu_s']:.2f} s, {with_it.load['cpu_s']:.2f} s",
        f"{100 * with_it.cpu_s / seconds:.1f} %",
        str(with_it.load["made"]),
        str(with_it.told),
        ", ".join(f"{name} {n}" for name, n in sorted(with_it.lost.items())) or "nothing",
        str(max(0, with_it.load["made"] - with_it.told - counted(with_it.lost))),
    )


def socket_table(lab: Lab, image: str) -> None:
    """What a dump of many open connections costs, and the sensor while they stay open and nothing else happens."""
    peer, task = start_peer(lab, image, ENOUGH), lab.task()
    task.wait_healthy()
    quiet = used_in(task.sensor, QUIET_S)
    app = Traffic(
        lab, task, image, "many", options=[ENOUGH], host=peer.address(lab.network), port=KEEP, count=OPEN, hold=3600
    )
    wait_for("the connections are open", lambda: "opened" in app.app.logs(), 60)
    time.sleep(SETTLE_S)
    told = sum(event["count"] for event in app.told("network.connect"))
    busy = used_in(task.sensor, QUIET_S)
    measured = json.loads(task.sensor.execute("python3", "-c", DUMPS).stdout)
    rows = [
        (
            name,
            str(found[0][0]),
            f"{1000 * statistics.median(total for _, total, _ in found):.0f} ms",
            f"{1000 * max(longest for *_, longest in found):.1f} ms",
        )
        for name, found in measured.items()
    ]
    print(f"\na table of {OPEN} open connections, {told} told within {SETTLE_S} s\n")
    print(table(("way", "sockets", "CPU of a dump (median of 5)", "longest step"), rows))
    print(f"sensor's CPU in {QUIET_S} s: {quiet:.2f} % before, {busy:.2f} % while they stay open")
    for container in (app.app, task.sensor, task.pause, peer):
        container.remove()
