"""What the platform and the app do again and again: probes are told from people, and the same is folded."""

import json
from collections import Counter

from docker_cli import BASE

from sensor.enrich.fold import FIRST

HEALTH = "test -d /tmp && sleep 0.05; true"
PROBE = ["/bin/sh", "-c", HEALTH]
COUNT = 40
LOOP = f"""
import subprocess, time
for _ in range({COUNT}):
    subprocess.run(["sleep", "0.05"])
subprocess.run(["sleep", "0.271"])
time.sleep(3600)
"""


def telling(event):
    """What differs between events of the same program: whether its hash was read by then, and what is known above."""
    process = event["process"]
    return "sha256" in process, json.dumps([above.get("exe") for above in process["ancestors"]])


def ran(*args):
    """Whether an event's process runs just this."""
    return lambda event: event["process"].get("args") == list(args)


def test_a_health_check_is_a_probe_and_what_a_person_runs_is_not(lab, ingest):
    task = lab.task({"SENSOR_PROBE_COMMANDS": json.dumps([PROBE])})
    task.wait_healthy()
    check = [f"--health-cmd={HEALTH}", "--health-interval=1s"]
    app = lab.new("app", BASE, [*task.shared, *check], ["python3", "-c", "import time; time.sleep(3600)"]).start()

    probe = ingest.wait_for("process.exec", ran(*PROBE))
    sleep = ingest.wait_for("process.exec", ran("sleep", "0.05"))
    app.execute("sh", "-c", "sleep 0.271; true")
    person = ingest.wait_for("process.exec", ran("sleep", "0.271"))

    assert probe["process"]["session"] == sleep["process"]["session"] == "probe"
    assert person["process"]["session"] == "exec"
    assert {event["container"]["id"] for event in (probe, sleep, person)} == {app.id}


def test_a_loop_is_told_a_few_times_and_then_as_one_with_its_count(lab, ingest):
    task = lab.task()
    task.wait_healthy()
    app = task.app(LOOP)
    ingest.wait_for("process.exec", ran("sleep", "0.271"))

    task.sensor.kill("TERM")
    task.sensor.wait_stopped()

    execs = [event for event in ingest.events(kind="process.exec") if ran("sleep", "0.05")(event)]
    assert 0.9 * COUNT <= sum(event["count"] for event in execs) <= COUNT
    assert max(Counter(map(telling, execs)).values()) <= FIRST + 1, "the first ones, and all others as one"
    report = ingest.wait_for("sensor.stop", lambda event: "health" in event)["health"]
    assert report["counters"]["folded"] > COUNT, "execs and exits"

    (listed,) = ingest.get("/v1/tasks").json()["tasks"]
    assert listed["last_hour"]["seen"] >= COUNT
    assert 0.5 <= listed["last_hour"]["catch_rate"] <= 1, "the threads of docker exec count as unexplained"
    tree = ingest.get(f"/v1/tasks/{listed['id']}/tree").json()
    (shown,) = [container for container in tree["containers"] if container["id"] == app.id]
    (python,) = shown["processes"]
    counts = [child["count"] for child in python["children"] if child["args"] == ["sleep", "0.05"]]
    assert sum(counts) == sum(event["count"] for event in execs)
    assert not any(child["placeholder"] for child in python["children"])
