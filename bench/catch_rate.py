"""How many short processes of a container are seen, with all their arguments: the sensor beside polling with psutil.

Both watch the same run, each from a container of its own in the task. Nothing is asserted. Run by `make bench`.
"""

import json
import sys
from collections.abc import Iterable

from docker_cli import BASE
from fargate_task import FargateTask
from ingest_container import IngestContainer
from lab import Lab, temporary_lab
from machine import describe, table

COUNT = 120
SECONDS_APART = 0.01
LIFETIMES = {"under 1 ms": None, "2 ms": 0.002, "10 ms": 0.01, "50 ms": 0.05}
POLL_S = 0.1

POLLER = f"""
import json, psutil, signal, sys, time
seen, going = set(), True
def stop(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, stop)
while going:
    for process in psutil.process_iter():
        try:
            seen.add(tuple(process.cmdline()))
        except psutil.Error:
            continue
    time.sleep({POLL_S})
print(json.dumps(sorted(seen)))
"""

SPAWNER = """
import json, subprocess, sys, time
for command in json.loads(sys.argv[1]):
    subprocess.run(command)
    time.sleep(float(sys.argv[2]))
time.sleep(1)
"""


def commands(lifetime: float | None, row: int) -> list[list[str]]:
    """Commands of one lifetime in seconds, each with arguments that no other has."""
    if lifetime is None:
        return [["true", f"{row}.{n}"] for n in range(COUNT)]
    return [["sleep", str(lifetime), f"0.00000{row}{n:03d}"] for n in range(COUNT)]


def spawn(lab: Lab, task: FargateTask, wanted: list[list[str]]) -> None:
    """Run the commands one after the other in an app container of the task, and wait until it has ended."""
    app = lab.new("app", BASE, task.shared, ["python3", "-c", SPAWNER, json.dumps(wanted), str(SECONDS_APART)])
    app.start().wait_stopped(deadline=120)
    lab.ingest.wait_for("container.stop", lambda event: event["container"]["id"] == app.id)


def share(wanted: Iterable[list[str]], seen: set[tuple[str, ...]]) -> str:
    """How many of the wanted were seen, and in percent."""
    caught = sum(tuple(command) in seen for command in wanted)
    return f"{caught} ({100 * caught / COUNT:.0f} %)"


def seen_by_sensor(ingest: IngestContainer) -> set[tuple[str, ...]]:
    """The command lines that the ingest's API has."""
    return {tuple(event["process"].get("args", ())) for event in ingest.events(kind="process.exec")}


def main() -> int:
    """Run all lifetimes and print the table."""
    runs = {name: commands(lifetime, row) for row, (name, lifetime) in enumerate(LIFETIMES.items())}
    with temporary_lab() as lab:
        task = lab.task()
        task.wait_healthy()
        options = [*task.shared, "--cap-add=SYS_PTRACE", "--entrypoint=python3"]
        poller = lab.new("psutil", lab.images.sensor, options, ["-c", POLLER]).start()
        for wanted in runs.values():
            spawn(lab, task, wanted)
        poller.kill("TERM")
        poller.wait_stopped()
        polled = {tuple(command) for command in json.loads(poller.logs())}
        seen = seen_by_sensor(lab.ingest)
        print(describe(lab.images.sensor))
        print(
            f"{COUNT} processes of each lifetime, {SECONDS_APART * 1000:g} ms apart, seen with all their arguments:\n"
        )
        rows = [(name, share(wanted, seen), share(wanted, polled)) for name, wanted in runs.items()]
        print(table(("lifetime", "sensor", f"psutil every {POLL_S * 1000:g} ms"), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
