"""Containers that come and go, fifty a minute: each is told with what ran in it, and the sensor does not grow by them.

`make soak` has three minutes of it.
"""

import os
import time
from collections import Counter
from datetime import datetime

import pytest
from docker_cli import BASE, Container, wait_for
from ledger import PROCESS, Happening, verdict
from short_processes import UNFOLDED

SOAK = bool(os.environ.get("SOAK"))
COUNT = 150 if SOAK else 10
EACH_S = 1.2 if SOAK else 0.0
"""From one start to the next at least: what an engine does with it is not the sensor's doing."""
AT_ONCE = 3
MOST_GROWTH = 16 << 20
"""Bytes by which the sensor may be larger after all of them than after the first few."""
DESCRIPTORS = """
import os
here = os.stat("/").st_dev
held = 0
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if os.stat(f"/proc/{pid}/root").st_dev == here and int(pid) != os.getpid():
            held += len(os.listdir(f"/proc/{pid}/fd"))
    except FileNotFoundError:
        continue
print(held)
"""

pytestmark = pytest.mark.timeout(900)


def descriptors(task) -> int:
    """How many the sensor's own processes have open."""
    return int(task.sensor.execute("python3", "-c", DESCRIPTORS).stdout)


def start_of(event) -> float:
    """When the sensor was started, in this machine's wall time."""
    return datetime.fromisoformat(event["time"][:26] + "+00:00").timestamp() - event["health"]["uptime_s"]


class Churn:
    """Containers that are started one after the other, a few of them alive at once."""

    def __init__(self, lab, task) -> None:
        self._lab, self._task = lab, task
        self._alive: list[tuple[Container, float, str]] = []
        self.ids: list[str] = []
        self.happened: list[Happening] = []

    def start(self) -> None:
        name = f"0.3{len(self.ids):04d}"
        app = self._lab.new("churn", BASE, self._task.shared, ["sh", "-c", f"sleep 0.1; sleep {name}; exit 7"])
        begin = time.time()
        app.start()
        self._alive.append((app, begin, name))
        self.ids.append(app.id)
        if len(self._alive) == AT_ONCE:
            self.end_one()

    def end_one(self) -> None:
        """The oldest, which has had its own result whatever the sensor did."""
        app, begin, name = self._alive.pop(0)
        app.wait_stopped()
        self.happened.append(Happening(PROCESS, name, begin, time.time()))
        assert app.exit_code() == 7
        app.remove()
        self._lab.containers.remove(app)

    def end(self) -> None:
        while self._alive:
            self.end_one()


def test_containers_that_come_and_go_are_told_and_let_go(lab, ingest):
    task = lab.task(UNFOLDED | {"SENSOR_HEARTBEAT": "3"})
    task.wait_healthy()
    zero = start_of(ingest.wait_for("sensor.start", lambda _: True))
    before, churn = descriptors(task), Churn(lab, task)

    for _ in range(COUNT):
        began = time.monotonic()
        churn.start()
        time.sleep(max(0.0, EACH_S - (time.monotonic() - began)))
    churn.end()

    stopped = Counter[str]()

    def all_stopped() -> bool:
        stopped.update(event["container"]["id"] for event in ingest.events(kind="container.stop"))
        return stopped.keys() >= set(churn.ids)

    wait_for("all of them are told to have stopped", all_stopped, 60)
    wait_for("what they were reached by is let go", lambda: descriptors(task) <= before, 60)
    task.sensor.kill("TERM")
    task.sensor.wait_stopped()
    events = ingest.events()
    comes_and_goes = Counter((e["kind"], e["container"]["id"]) for e in events if e["kind"].startswith("container."))
    assert {comes_and_goes[kind, app] for kind in ("container.start", "container.stop") for app in churn.ids} == {1}
    names = {one.name for one in churn.happened}
    last = [(e["process"].get("args") or [""])[-1] for e in events if e["kind"] == "process.exec"]
    told = Counter((PROCESS, name) for name in last if name in names)
    happened = [one._replace(began=one.began - zero, ended=one.ended - zero) for one in churn.happened]
    assert verdict(happened, told, [e for e in events if e["kind"].startswith("sensor.")]).faults() == []
    sizes = [e["health"]["memory_bytes"] for e in reversed(events) if "health" in e]
    print(f"{COUNT} containers, bytes from report to report: {sizes}")
    assert sizes[-1] - sizes[min(2, len(sizes) - 1)] < MOST_GROWTH
