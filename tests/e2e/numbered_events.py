"""Files with numbers for names: what an application did that can be counted afterwards, one by one."""

import json

from docker_cli import BASE, Container
from fargate_task import FargateTask
from ingest_container import IngestContainer
from lab import Lab

WRITER = """
import json, os, sys, time
count, rate, made = int(sys.argv[1]), float(sys.argv[2]), []
time.sleep(3)
begin = time.monotonic()
for number in range(count):
    os.close(os.open(f"/etc/numbered-{number}", os.O_CREAT | os.O_WRONLY))
    made.append(round(time.time(), 3))
    time.sleep(max(0.0, begin + (number + 1) / rate - time.monotonic()))
time.sleep(3)
print(json.dumps(made))
"""


def writer(lab: Lab, task: FargateTask, *, count: int, a_second: float) -> Container:
    """An app that makes so many files, one by one."""
    command = ["python3", "-c", WRITER, str(count), str(a_second)]
    return lab.new("app", BASE, task.shared, command).start()


def made(app: Container) -> list[float]:
    """When each number was made, in seconds of wall time, once the app has ended."""
    return list(json.loads(app.logs()))


def numbers(ingest: IngestContainer, app: Container) -> list[int]:
    """The numbers of the files that the ingest was told of."""
    paths = [event["file"]["path"] for event in ingest.events(kind="file.create", container=app.id)]
    return sorted(int(path.rpartition("-")[2]) for path in paths if "/numbered-" in path)


def missing(found: list[int], count: int) -> int:
    """How many of the first `count` numbers are not there."""
    return count - len(set(found) & set(range(count)))


def holes(ingest: IngestContainer, app: Container) -> int:
    """How many events of the sensors that told of this app were numbered and never came.

    What a killed sensor numbered after the last event that came is in no hole, and not counted.
    """
    epochs = {event["sensor"]["epoch"] for event in ingest.events(container=app.id)}
    lanes: dict[str, list[int]] = {}
    for event in ingest.events():
        if event["sensor"]["epoch"] in epochs:
            lanes.setdefault(event["id"].rpartition("/")[0], []).append(event["seq"])
    return sum(max(seqs) - len(seqs) for seqs in lanes.values())
