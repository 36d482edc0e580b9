"""A storm makes the sensor look less closely, step by step, quiet makes it look whole again, and each step is told."""

from itertools import pairwise

import pytest
from docker_cli import wait_for
from ingest_container import Event, IngestContainer

from sensor.model.resolution import STEPS
from sensor.telemetry.governor import QUEUES

BUDGET = {"SENSOR_CPUS": "2", "SENSOR_CPU_PERCENT": "2"}
"""4 % of a core: less than a storm costs, and enough for what the sensor does at rest beside a new container."""

STORM_GOES_ON_S = 3
"""For the next step, once the first is told: the governor looks every 5 s. To take one back it needs 15 s."""

APP = f"""
import shutil, signal, subprocess, time

def copied(name):
    shutil.copy("/bin/sleep", name)
    subprocess.run([name, "0.3"])

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
end = None
while end is None or time.monotonic() < end:
    subprocess.run(["/bin/true"])
    if end is None and signal.SIGUSR1 in signal.sigpending():
        end = time.monotonic() + {STORM_GOES_ON_S}
signal.sigwait([signal.SIGUSR1])
copied("/tmp/meanwhile")
signal.sigwait([signal.SIGUSR1])
copied("/tmp/afterwards")
for n in range(12):
    subprocess.run(["sleep", f"0.1{{n:02}}"])
signal.pause()
"""
LATER = {("sleep", f"0.1{n:02}") for n in range(12)}


def steps(event: Event) -> tuple[str, ...]:
    """What is given up for CPU."""
    return tuple(step for step in event["health"].get("given_up") or () if step != QUEUES)


def reports(ingest: IngestContainer) -> list[Event]:
    """The sensor's reports in their order; one of a change is a heartbeat out of turn."""
    kinds = ("sensor.start", "sensor.heartbeat")
    return sorted((event for kind in kinds for event in ingest.events(kind=kind)), key=lambda event: event["time"])


def levels(ingest: IngestContainer) -> list[int]:
    """How many steps were given up, from report to report, where that changed."""
    found = [0]
    for event in reports(ingest):
        assert steps(event) == STEPS[: len(steps(event))]
        if len(steps(event)) != found[-1]:
            found.append(len(steps(event)))
    return found


@pytest.mark.timeout(400)
def test_a_storm_costs_resolution_step_by_step_and_quiet_regains_it(lab, ingest):
    task = lab.task(BUDGET)
    app = task.app(APP)
    wait_for("a step is given up", lambda: max(levels(ingest)) >= 1, 120)
    app.kill("USR1")
    meanwhile = ingest.wait_for("process.exec", lambda event: event["process"].get("exe") == "/tmp/meanwhile", 60)
    wait_for("one more is given up", lambda: max(levels(ingest)) > 1, 60)
    wait_for("nothing is given up any more", lambda: levels(ingest)[-1] == 0, 180)
    app.kill("USR1")

    def told() -> set[tuple[str, ...]]:
        return {tuple(event["process"].get("args") or ()) for event in ingest.events(kind="process.exec")}

    wait_for("every program after the storm, with its arguments", lambda: told() >= LATER, 60)
    afterwards = ingest.wait_for("process.exec", lambda event: event["process"].get("exe") == "/tmp/afterwards", 60)
    assert "sha256" not in meanwhile["process"]
    assert len(afterwards["process"]["sha256"]) == 64
    changes = levels(ingest)
    assert {abs(one - other) for one, other in pairwise(changes)} == {1}
    assert changes[-1] == 0
    assert reports(ingest)[-1]["health"]["counters"]["governor.steps"] >= 4
