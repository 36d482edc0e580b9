"""What the sensor does and costs under load: quiet with many processes, busy, a shell loop, a storm, reading programs.

Nothing is asserted. Run by `make bench`.
"""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from busy import busy
from cpu_time import SETTLED_S, used_in
from docker_cli import BASE
from lab import Lab
from pairs import ratios, without_and_with
from parts import measure
from short_processes import UNFOLDED, execs, program, shell, unexplained, wait_over
from storm import storm
from tables import table

SPAWNS = 5000
PAIRS = 9
"""The loop's own time varies by a tenth from run to run."""
LOOP = f"""
import subprocess, time
begin = time.monotonic()
subprocess.run(["sh", "-c", "for i in $(seq {SPAWNS}); do /bin/true; done"])
print(time.monotonic() - begin)
time.sleep(1)
"""
IDLE = """
import subprocess, sys, time
idle = [subprocess.Popen(["sleep", "36000"]) for _ in range(int(sys.argv[1]))]
time.sleep(36000)
"""
READERS = {
    "sha256sum /usr/bin/*": "sha256sum /usr/bin/* >/dev/null; true",
    "ls -lR /usr": "ls -lR /usr >/dev/null; true",
    "find /": "find / -xdev >/dev/null; true",
    "tar of /usr": "tar -cf - /usr 2>/dev/null | cat >/dev/null; true",
}
HAPPENED = {
    "sha256sum /usr/bin/*": ("dash", "sleep", "sha256sum"),
    "ls -lR /usr": ("dash", "sleep", "ls"),
    "find /": ("dash", "sleep", "find"),
    "tar of /usr": ("dash", "sleep", "tar", "cat"),
}


class Loop(NamedTuple):
    """One run of the shell loop: its own seconds, and what the sensor told and could not tell."""

    seconds: float
    told: int = 0
    unexplained: int = 0


def precision(lab: Lab) -> None:
    """Programs that open programs: what was told that did not happen."""
    task = lab.task(UNFOLDED)
    task.wait_healthy()
    rows = []
    for name, script in READERS.items():
        app = shell(lab, task, f"sleep 1; {script}")
        wait_over(lab.ingest, app, 120)
        told = Counter(map(program, execs(lab.ingest, app)))
        rows.append((name, str(told.total()), str((told - Counter(HAPPENED[name])).total())))
    task.sensor.remove()
    print(f"\nprecision\n\n{table(('what ran', 'execs told', 'of which did not happen'), rows)}")


def loop(lab: Lab, *, watched: bool) -> Loop:
    """One run, in a task with a sensor or in one whose sensor was ended."""
    task = lab.task()
    task.wait_healthy()
    if not watched:
        task.sensor.remove()
    app = task.app(LOOP)
    if not watched:
        app.wait_stopped(120)
        return Loop(float(app.logs()))
    wait_over(lab.ingest, app, 120)
    bound = unexplained(task, lab.ingest)
    told = sum(event["count"] for event in execs(lab.ingest, app) if program(event) == "true")
    return Loop(float(app.logs()), told, bound)


def loops(lab: Lab, times: int) -> None:
    """With and without the sensor in turns."""
    pairs = without_and_with(partial(loop, lab), times)
    longer, least, most = (100 * (r - 1) for r in ratios([b.seconds for _, b in pairs], [a.seconds for a, _ in pairs]))
    rows = [
        (str(n), f"{a.seconds:.2f} s", f"{b.seconds:.2f} s", str(b.told), str(b.unexplained))
        for n, (a, b) in enumerate(pairs, 1)
    ]
    print(f"\na shell loop of {SPAWNS} /bin/true: median {longer:+.1f} % with the sensor")
    print(f"(the median of the pairs lies between {least:+.1f} and {most:+.1f} %, in 95 of 100 cases)\n")
    print(table(("run", "without", "with", "told", "unexplained at most"), rows))


def quiet(lab: Lab, counts: Sequence[int], seconds: float) -> None:
    """CPU beside so many processes that do nothing."""
    rows = []
    for count in counts:
        task = lab.task()
        task.wait_healthy()
        app = lab.new("app", BASE, task.shared, ["python3", "-c", IDLE, str(count)]).start()
        time.sleep(SETTLED_S)
        rows.append((str(count), f"{used_in(task.sensor, seconds):.2f} %"))
        app.remove()
        task.sensor.remove()
    print(f"\nquiet for {seconds:g} s\n\n{table(('processes', 'CPU of one core'), rows)}")


PARTS = {
    "precision": lambda lab, _: precision(lab),
    "loops": lambda lab, _: loops(lab, PAIRS),
    "quiet": lambda lab, seconds: quiet(lab, (50, 500, 2000), seconds),
    "busy": busy,
    "storm": lambda lab, _: storm(lab),
}

if __name__ == "__main__":
    sys.exit(measure(__doc__, PARTS))
