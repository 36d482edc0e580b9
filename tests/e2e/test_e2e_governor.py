"""A storm makes the sensor look less closely, quiet makes it look whole again, and each is told."""

from docker_cli import wait_for
from ingest_container import Event
from lab import Lab

ON_A_BUDGET = {"SENSOR_CPUS": "1", "SENSOR_CPU_PERCENT": "2"}
STORM = """
import subprocess
while True:
    subprocess.run(["/bin/true"])
"""
AFTERWARDS = 12
LATER = f"""
import subprocess, time
for n in range({AFTERWARDS}):
    subprocess.run(["sleep", f"0.2{{n:03}}"])
time.sleep(36000)
"""


def given_up(event: Event) -> list[str]:
    return list(event["health"].get("given_up") or ())


def test_a_storm_costs_resolution_and_quiet_regains_it(lab: Lab) -> None:
    task = lab.task(ON_A_BUDGET)
    task.wait_healthy()
    storm = task.app(STORM, name="storm")
    first = lab.ingest.wait_for("sensor.heartbeat", lambda event: bool(given_up(event)), deadline=90)
    assert given_up(first)[0] == "hashes"
    storm.remove()

    def is_whole_again(event: Event) -> bool:
        return event["time"] > first["time"] and not given_up(event)

    whole = lab.ingest.wait_for("sensor.heartbeat", is_whole_again, deadline=180)
    assert whole["health"]["counters"]["governor.steps"] >= 2

    task.app(LATER, name="later")
    expected = {("sleep", f"0.2{n:03}") for n in range(AFTERWARDS)}

    def all_told() -> bool:
        return expected <= {tuple(e["process"].get("args") or ()) for e in lab.ingest.events(kind="process.exec")}

    wait_for("every program after the storm, with its arguments", all_told, deadline=60)
