"""Short processes of one lifetime each: what a benchmark starts, and what it then looks for."""

import json
from typing import NamedTuple

from docker_cli import BASE, Container
from fargate_task import FargateTask
from lab import Lab

SECONDS_APART = 0.01
LONGEST_S = 180

SPAWNER = """
import json, os, statistics, subprocess, sys, time
while sys.argv[3] == "waits" and not os.path.exists("/tmp/go"):
    time.sleep(0.01)
lived = []
for command in json.loads(sys.argv[1]):
    begin = time.monotonic()
    subprocess.run(command)
    lived.append(time.monotonic() - begin)
    time.sleep(float(sys.argv[2]))
time.sleep(1)
print(statistics.median(lived))
"""


class Lifetime(NamedTuple):
    """One program run so many `times`; `seconds` is what is asked of `sleep`, None for /bin/true.

    `by` is what runs it in its own place, without a fork.
    """

    name: str
    seconds: float | None
    times: int
    by: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        """The name of the program's file."""
        return "true" if self.seconds is None else "sleep"

    def commands(self, row: int) -> list[list[str]]:
        """What is started."""
        return [[*self.by, *program] for program in self.programs(row)]

    def programs(self, row: int) -> list[list[str]]:
        """What is looked for, each with arguments that no other has."""
        if self.seconds is None:
            return [["/bin/true", f"{row}.{n}"] for n in range(self.times)]
        return [["/bin/sleep", str(self.seconds), f"0.00000{row:02d}{n:03d}"] for n in range(self.times)]


SHELL = ("/bin/sh", "-c", 'exec "$0" "$@"')
LATER = ("python3", "-c", "import os, sys, time; time.sleep(0.03); _, *args = sys.argv; os.execv(args[0], args)")
LIFETIMES = (
    Lifetime("/bin/true", None, 500),
    Lifetime("sleep 0.001", 0.001, 120),
    Lifetime("sleep 0.002", 0.002, 500),
    Lifetime("sleep 0.005", 0.005, 120),
    Lifetime("sleep 0.01", 0.01, 120),
    Lifetime("sleep 0.02", 0.02, 120),
    Lifetime("sleep 0.05", 0.05, 120),
    Lifetime("sleep 0.1", 0.1, 120),
    Lifetime("env /bin/true", None, 200, ("/usr/bin/env",)),
    Lifetime("sh, exec /bin/true", None, 200, SHELL),
    Lifetime("sh, exec sleep 0.002", 0.002, 200, SHELL),
    Lifetime("python3, exec /bin/true", None, 200, LATER),
    Lifetime("python3, exec sleep 0.002", 0.002, 200, LATER),
)


def spawner(lab: Lab, task: FargateTask, user: str, wanted: list[list[str]], *, waits: bool = False) -> Container:
    """A container of the task that runs the commands one after the other; if it waits, once it has a /tmp/go."""
    arguments = [json.dumps(wanted), str(SECONDS_APART), "waits" if waits else "goes"]
    return lab.new("app", BASE, [*task.shared, f"--user={user}"], ["python3", "-c", SPAWNER, *arguments]).start()


def finish(lab: Lab, app: Container) -> float:
    """Wait for the app's end to be known at the ingest. Median seconds from spawn to wait, as the app saw them."""
    app.wait_stopped(deadline=LONGEST_S)
    lab.ingest.wait_for("container.stop", lambda event: event["container"]["id"] == app.id)
    return float(app.logs().split()[-1])
