"""A storm of short processes in a task that has a quarter of a core: what the sensor takes, and what it tells."""

import time
from typing import NamedTuple

from cpu_quota import CpuQuota
from docker_cli import BASE, wait_for
from lab import Lab
from short_processes import reports
from tables import table

CORES = 0.25
SECONDS = 90
STORM = f"""
import os, time
made, begin = 0, time.monotonic()
while time.monotonic() < begin + {SECONDS}:
    due = (time.monotonic() - begin) * 2000
    if made >= due:
        time.sleep(0.005)
        continue
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {{}}), 0)
    made += 1
print(made, flush=True)
time.sleep(3600)
"""

PORT = 8080
ARN = "arn:aws:ecs:eu-central-1:123456789012:task/shop/34dc0b5e626f2c5c4c5170e34b10e765"
METADATA = f"""
import http.server, json
class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({{"TaskARN": "{ARN}", "Limits": {{"CPU": {CORES}}}}}).encode())
http.server.HTTPServer(("", {PORT}), Endpoint).serve_forever()
"""


def storm(lab: Lab) -> None:
    """All ways in which the sensor can learn of the quota: none, the task's metadata, its own container's quota."""
    endpoint = lab.new("metadata", BASE, [f"--network={lab.network}"], ["python3", "-c", METADATA]).start()
    ecs = {"ECS_CONTAINER_METADATA_URI_V4": f"http://{endpoint.name}:{PORT}/v4/container"}
    rows = [
        measured(lab, "from nowhere", {}, []),
        measured(lab, "from the ECS metadata", ecs, []),
        measured(lab, "from its own quota", {}, [f"--cpus={CORES:g}"]),
    ]
    head = (
        "the sensor knows the quota",
        "made",
        "a second",
        "seen",
        "by open",
        "unexplained",
        "sensor's share",
        "of it, last half",
        "memory, most",
    )
    print(f"\na storm of 2000 /bin/true a second for {SECONDS} s; pause, app and sensor share {CORES:g} cores\n")
    print(table(head, rows))


def measured(lab: Lab, name: str, environment: dict[str, str], limits: list[str]) -> tuple[str, ...]:
    """One run: what was made, what the sensor saw of it, and its share of the CPU that the task used."""
    with CpuQuota.of(CORES) as quota:
        task = lab.task(environment, options=[quota.option], sensor_options=limits)
        task.wait_healthy()
        app = lab.new("app", BASE, [*task.shared, quota.option], ["python3", "-c", STORM]).start()
        begin, half, end = used_for(SECONDS, quota, task.sensor.id)
        made = int(wait_for("the app says what it made", app.logs))
        app.remove()
        health = reports(task, lab.ingest)
        task.sensor.remove()
        task.pause.remove()
    return (
        name,
        str(made),
        f"{made / SECONDS:.0f}",
        str(sum(report.get("seen", 0) for report in health)),
        str(max(report["counters"].get("open_hints", 0) for report in health)),
        str(sum(report.get("unexplained", 0) for report in health)),
        share(begin, end),
        share(half, end),
        f"{max(report['memory_bytes'] for report in health) / 1e6:.1f} MB",
    )


class Used(NamedTuple):
    """CPU seconds until a moment."""

    sensor: float
    task: float


def used_for(seconds: float, quota: CpuQuota, sensor_id: str) -> list[Used]:
    """What the sensor and all of the task have used now, after half of that time, and after all of it."""
    points = [Used(quota.used(sensor_id), quota.used())]
    for _ in range(2):
        time.sleep(seconds / 2)
        points.append(Used(quota.used(sensor_id), quota.used()))
    return points


def share(begin: Used, end: Used) -> str:
    """The sensor's part of what all used, in percent."""
    return f"{100 * (end.sensor - begin.sensor) / (end.task - begin.task):.1f} %"
