"""What the sensor costs beside an idle application: memory, CPU, time to the first event, size. Run by `make bench`.

Memory is the proportional set size of all the sensor's processes together, CPU their time on a core. Both are read
from a container of the same task that has SYS_PTRACE, because the sensor closes its own files to others.
"""

import argparse
import json
import sys
import time
from datetime import datetime
from typing import Any

from docker_cli import BASE, docker
from fargate_task import FargateTask
from lab import Lab, temporary_lab
from machine import describe
from tables import table

IDLE_PROCESSES = 50
APP = f"""
import subprocess, time
idle = [subprocess.Popen(["sleep", "36000"]) for _ in range({IDLE_PROCESSES - 1})]
time.sleep(36000)
"""

PROBE = """
import json, os, time
def root(pid):
    return [line.split()[2] for line in open(f"/proc/{pid}/mountinfo") if line.split()[4] == "/"][-1]
def pss(pid):
    rollup = open(f"/proc/{pid}/smaps_rollup").read()
    return int(rollup.partition("Pss:")[2].split()[0]) * 1024
def on_cpu(pid):
    threads = os.listdir(f"/proc/{pid}/task")
    return sum(int(open(f"/proc/{pid}/task/{t}/schedstat").read().split()[0]) for t in threads)
def started_ns(pid):
    ticks = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[19])
    return time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME) + ticks * 10**9 // os.sysconf("SC_CLK_TCK")
pids = [pid for pid in os.listdir("/proc") if pid.isdigit()]
first = next(pid for pid in pids if b"sensor.app" in open(f"/proc/{pid}/cmdline", "rb").read().split(b"\\0"))
ours = [pid for pid in pids if root(pid) == root(first)]
print(json.dumps({
    "processes": len(ours),
    "pss": sum(map(pss, ours)),
    "cpu_ns": sum(map(on_cpu, ours)),
    "started_ns": started_ns(first),
}))
"""


def probe(task: FargateTask) -> dict[str, Any]:
    """How many processes the sensor has, their PSS in bytes, the nanoseconds that they were on a core, and when the
    first of them began, in nanoseconds since 1970: an exec changes nothing about that (proc_pid_stat(5))."""
    rights = ["--cap-add=SYS_PTRACE", f"--pid=container:{task.pause.id}"]
    return dict(json.loads(docker("run", "--rm", *rights, BASE, "python3", "-c", PROBE)))


def idle(task: FargateTask, seconds: float) -> tuple[dict[str, Any], float]:
    """The state after `seconds` of idling, and the share of one core used on the way, in percent."""
    before, begin = probe(task), time.monotonic()
    time.sleep(seconds)
    after, end = probe(task), time.monotonic()
    return after, (after["cpu_ns"] - before["cpu_ns"]) / (end - begin) / 1e7


def started_task(lab: Lab) -> tuple[FargateTask, float, float]:
    """A task; the seconds from its start until the ingest's API shows the first event of its sensor; and those from the
    sensor's first process until that event was made, docker left out."""
    begin = time.monotonic()
    task = lab.task()
    event = lab.ingest.wait_for("sensor.start", lambda _: True)
    shown = time.monotonic() - begin
    made = datetime.fromisoformat(f"{event['time'][:26]}+00:00").timestamp()
    return task, shown, made - probe(task)["started_ns"] / 1e9


def main() -> int:
    """Measure, and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=60, help="how long to idle (60)")
    seconds = arguments.parse_args().seconds
    with temporary_lab() as lab:
        task, first, made = started_task(lab)
        task.app(APP)
        idle(task, 10)
        state, percent = idle(task, seconds)
        print(describe(lab.images.sensor))
        print(f"idle for {seconds:g} s beside {IDLE_PROCESSES} processes:\n")
        rows = (
            ("memory (PSS, all processes)", f"{state['pss'] / 1e6:.1f} MB"),
            ("processes of the sensor", str(state["processes"])),
            ("CPU, of one core", f"{percent:.2f} %"),
            ("sensor's first process to its first event", f"{made * 1e3:.0f} ms"),
            ("docker run to first event in the API", f"{first:.1f} s"),
        )
        print(table(("measure", "value"), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
