"""What the sensor costs beside an idle application: memory, CPU, time to the first event, size. Run by `make bench`.

Memory is the proportional set size of all the sensor's processes together, CPU their time on a core. Both are read
from a container of the same task that has SYS_PTRACE, because the sensor closes its own files to others.
"""

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from statistics import median
from typing import Any

from docker_cli import BASE, docker
from fargate_task import FargateTask
from lab import Lab, temporary_lab
from machine import describe
from tables import table

IDLE_PROCESSES = 50
STARTS = 9
"""How often the start is measured; the median is told."""
STARTED_S = 1.5
APP = f"""
import subprocess, time
idle = [subprocess.Popen(["sleep", "36000"]) for _ in range({IDLE_PROCESSES - 1})]
time.sleep(36000)
"""

PROBE = """
import json, os
def root(pid):
    try:
        return [line.split()[2] for line in open(f"/proc/{pid}/mountinfo") if line.split()[4] == "/"][-1]
    except (OSError, IndexError):  # of the app, and over
        return None
def is_first(pid):
    try:
        return b"sensor.app" in open(f"/proc/{pid}/cmdline", "rb").read().split(b"\\0")
    except OSError:
        return False
def pss(pid):
    rollup = open(f"/proc/{pid}/smaps_rollup").read()
    return int(rollup.partition("Pss:")[2].split()[0]) * 1024
def on_cpu(pid):
    threads = os.listdir(f"/proc/{pid}/task")
    return sum(int(open(f"/proc/{pid}/task/{t}/schedstat").read().split()[0]) for t in threads)
pids = [pid for pid in os.listdir("/proc") if pid.isdigit()]
first = next(filter(is_first, pids))
ours = [pid for pid in pids if root(pid) == root(first)]
print(json.dumps({
    "processes": len(ours),
    "pss": sum(map(pss, ours)),
    "cpu_ns": sum(map(on_cpu, ours)),
}))
"""


def probe(task: FargateTask) -> dict[str, Any]:
    """How many processes the sensor has, their PSS in bytes, and the nanoseconds that they were on a core."""
    rights = ["--cap-add=SYS_PTRACE", f"--pid=container:{task.pause.id}"]
    return dict(json.loads(docker("run", "--rm", *rights, BASE, "python3", "-c", PROBE)))


def idle(task: FargateTask, seconds: float) -> tuple[dict[str, Any], float]:
    """The state after `seconds` of idling, and the share of one core used on the way, in percent."""
    before, begin = probe(task), time.monotonic()
    time.sleep(seconds)
    after, end = probe(task), time.monotonic()
    return after, (after["cpu_ns"] - before["cpu_ns"]) / (end - begin) / 1e7


def start_to_event(lab: Lab) -> float:
    """The seconds from the sensor's exec until its first event was made.

    The container's first process is runc's for 0.2 s before that exec. Nobody asks for the event meanwhile: that takes
    a core, and a start has use for two.
    """
    now = datetime.now(UTC).isoformat()
    task = lab.task(sensor_options=["--entrypoint=sh"], command=["-c", "date +%s%N; exec fargate-sensor run"])
    time.sleep(STARTED_S)
    event = lab.ingest.wait_for("sensor.start", lambda event: event["time"] > now)
    made = datetime.fromisoformat(f"{event['time'][:26]}+00:00").timestamp()
    execed = int(task.sensor.logs().split()[0]) / 1e9
    task.sensor.remove()
    return made - execed


def start_to_shown(lab: Lab) -> tuple[FargateTask, float]:
    """A task, and the seconds from its start until the ingest's API shows the first event of its sensor."""
    begin, now = time.monotonic(), datetime.now(UTC).isoformat()
    task = lab.task()
    lab.ingest.wait_for("sensor.start", lambda event: event["time"] > now)
    return task, time.monotonic() - begin


def main() -> int:
    """Measure, and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=60, help="how long to idle (60)")
    seconds = arguments.parse_args().seconds
    with temporary_lab() as lab:
        made = [start_to_event(lab) for _ in range(STARTS)]
        task, shown = start_to_shown(lab)
        task.app(APP)
        idle(task, 10)
        state, percent = idle(task, seconds)
        print(describe(lab.images.sensor))
        print(f"idle for {seconds:g} s beside {IDLE_PROCESSES} processes:\n")
        rows = (
            ("memory (PSS, all processes)", f"{state['pss'] / 1e6:.1f} MB"),
            ("processes of the sensor", str(state["processes"])),
            ("CPU, of one core, soon after the start", f"{percent:.2f} %"),
            ("exec of the sensor to its first event", f"{median(made) * 1e3:.0f} ms"),
            ("of starts", f"{min(made) * 1e3:.0f} to {max(made) * 1e3:.0f} ms"),
            ("docker run to first event in the API", f"{shown:.1f} s"),
        )
        print(table(("measure", "value"), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
