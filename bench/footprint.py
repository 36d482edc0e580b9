"""What the sensor costs beside an idle application: memory, CPU, time to the first event, size. Run by `make bench`.

Memory is the proportional set size of all the sensor's processes together, CPU their time on a core. Both are read
by a privileged process in the sensor's container, because the sensor closes its own files to others.
"""

import argparse
import json
import subprocess
import sys
import time
from typing import Any

from docker_cli import Container
from fargate_task import FargateTask
from lab import Lab, temporary_lab
from machine import describe, table

IDLE_PROCESSES = 50
APP = f"""
import subprocess, time
idle = [subprocess.Popen(["sleep", "36000"]) for _ in range({IDLE_PROCESSES - 1})]
time.sleep(36000)
"""

PROBE = """
import json, os
def root(pid):
    return [line.split()[2] for line in open(f"/proc/{pid}/mountinfo") if line.split()[4] == "/"][-1]
def pss(pid):
    rollup = open(f"/proc/{pid}/smaps_rollup").read()
    return int(rollup.partition("Pss:")[2].split()[0]) * 1024
def on_cpu(pid):
    threads = os.listdir(f"/proc/{pid}/task")
    return sum(int(open(f"/proc/{pid}/task/{t}/schedstat").read().split()[0]) for t in threads)
mine = str(os.getpid())
ours = [p for p in os.listdir("/proc") if p.isdigit() and p != mine and root(p) == root(mine)]
print(json.dumps({"processes": len(ours), "pss": sum(map(pss, ours)), "cpu_ns": sum(map(on_cpu, ours))}))
"""


def probe(sensor: Container) -> dict[str, Any]:
    """How many processes the sensor has, their PSS in bytes, and the nanoseconds that they were on a core."""
    command = ["docker", "exec", "--privileged", sensor.id, "python3", "-c", PROBE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return dict(json.loads(done.stdout))


def idle(sensor: Container, seconds: float) -> tuple[dict[str, Any], float]:
    """The state after `seconds` of idling, and the share of one core used on the way, in percent."""
    before, begin = probe(sensor), time.monotonic()
    time.sleep(seconds)
    after, end = probe(sensor), time.monotonic()
    return after, (after["cpu_ns"] - before["cpu_ns"]) / (end - begin) / 1e7


def started_task(lab: Lab) -> tuple[FargateTask, float]:
    """A task, and the seconds from its start until the ingest's API shows the first event of its sensor."""
    begin = time.monotonic()
    task = lab.task()
    lab.ingest.wait_for("sensor.start", lambda _: True)
    return task, time.monotonic() - begin


def main() -> int:
    """Measure, and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=60, help="how long to idle (60)")
    seconds = arguments.parse_args().seconds
    with temporary_lab() as lab:
        task, first = started_task(lab)
        task.app(APP)
        idle(task.sensor, 10)
        state, percent = idle(task.sensor, seconds)
        print(describe(lab.images.sensor))
        print(f"idle for {seconds:g} s beside {IDLE_PROCESSES} processes:\n")
        rows = (
            ("memory (PSS, all processes)", f"{state['pss'] / 1e6:.1f} MB"),
            ("processes of the sensor", str(state["processes"])),
            ("CPU, of one core", f"{percent:.2f} %"),
            ("docker run to first event in the API", f"{first:.1f} s"),
        )
        print(table(("", ""), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
