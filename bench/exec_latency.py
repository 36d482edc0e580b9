"""From an exec in a container of the task to its detection being there for readers of the ingest's API."""

import json
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from docker_cli import BASE, wait_for
from lab import Lab
from latency import Latency

RULES = 20
"""The same rule tells of at most 20 different things in a container and a minute by itself."""
RULE = """
title: number {0}
logsource: {{product: linux, category: process_creation}}
detection: {{words: {{CommandLine|endswith: ' marked-{0}'}}, condition: words}}
level: high
"""
APP = """
import random, subprocess, sys, time
times, rules, apart = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
time.sleep(3)
for number in range(times):
    begin = time.time()
    process = subprocess.Popen(["sh", "-c", "sleep 0.1; true", f"{number}", f"marked-{number % rules}"])
    print(number, begin, flush=True)
    process.wait()
    time.sleep(random.uniform(0, apart))
print("done", flush=True)
time.sleep(3600)
"""
LOOK_S = 0.005
PATIENCE_S = 10.0


def exec_latency(lab: Lab, times: int, apart: float) -> tuple[Latency, int]:
    """So many execs one by one, up to `apart` seconds after each other; and of how many no detection was stored."""
    with _rules() as folder:
        task = lab.task({"SENSOR_RULES": "/rules"}, sensor_options=[f"--volume={folder}:/rules:ro"])
        wait_for("own rules are loaded", lambda: task.sensor.logs().count("rules are loaded") > 1, 60)
        script = ["python3", "-u", "-c", APP, str(times), str(RULES), str(apart)]
        app = lab.new("app", BASE, task.shared, script).start()
        seen = dict(_seen(lab, times, 3 + times * (apart + 0.3)))
        lines = [line.split() for line in app.logs().splitlines() if line[:1].isdigit()]
        for container in (app, task.sensor, task.pause):
            container.remove()
    found = [seen[number] - float(begin) for number, begin in lines if number in seen]
    return Latency(statistics.median(found), statistics.quantiles(found, n=100)[98], max(found)), times - len(found)


def _seen(lab: Lab, times: int, seconds: float) -> Iterator[tuple[str, float]]:
    """The number of each exec, and when the API had its detection: up to a look later than that was stored."""
    known: set[str] = set()
    until = time.monotonic() + seconds + PATIENCE_S
    while len(known) < times and time.monotonic() < until:
        page = json.loads(lab.ingest.get("/v1/events", kind="detection", limit=20).text)["events"]
        now = time.time()
        ours = [event for event in page if event["detection"]["title"].startswith("number ")]
        for number in {event["process"]["args"][3] for event in ours} - known:
            known.add(number)
            yield number, now
        time.sleep(LOOK_S)


@contextmanager
def _rules() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        for number in range(RULES):
            (Path(folder) / f"{number}.yml").write_text(RULE.format(number), encoding="utf-8")
        yield folder
