"""What containers do with files that tests and benchmarks want to find again: shells that hold them, trees, logs."""

import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from docker_cli import BASE, Container, docker, wait_for
from fargate_task import FargateTask
from ingest_container import Event, IngestContainer
from lab import Lab

DATA = {"SENSOR_FILE_PATHS": "/data"}
"""A tmpfs in which any user may write is watched."""
DATA_OPTION = "--tmpfs=/data:mode=1777"

CHANGES = 100
HELD_S = 0.05
HOLDERS = f"""
import os, subprocess, time
names = [f"/data/{{n}}" for n in range({CHANGES})]
for name in names:
    open(name, "w").close()
daemon = [open(name, "r+") for name in names]  # holds all of them, and writes to none
with open("/data/hold.sh", "w") as script:
    script.write("exec 3>>/data/$1; echo evil >&3; sleep {HELD_S}; exec 3>&-")
time.sleep(4)
for n in range({CHANGES}):
    shell = subprocess.Popen(["sh", "/data/hold.sh", str(n)])
    print(n, shell.pid, flush=True)
    shell.wait()
open("/data/end", "w").close()
time.sleep(3600)
"""

FILES, FILES_A_DIRECTORY = 5000, 25
UNPACK = """
import io, os, sys, tarfile, threading, time
stop = False
def fill_the_queue():
    while not stop:
        for name in ("/etc/a", "/etc/b"):
            os.utime(name)
if sys.argv[1] == "flood":
    for name in ("/etc/a", "/etc/b"):
        open(name, "w").close()
    for _ in range(4):
        threading.Thread(target=fill_the_queue).start()
time.sleep(2)  # what is there when a container is first seen is no change
with tarfile.open("/tree.tar") as tree:
    tree.extractall("/var/www/html")
time.sleep(3)
stop = True
os.makedirs("/etc/done")
time.sleep(3600)
"""

LOGS = """
import sys, threading, time
def append(path, a_second, reopens):
    file, begin, done = open(path, "a"), time.monotonic(), 0
    while True:
        while done < (time.monotonic() - begin) * a_second:
            if reopens:
                file.close()
                file = open(path, "a")
            file.write("a line in a log\\n")
            file.flush()
            done += 1
        time.sleep(0.002)
for path, a_second, reopens in (("/var/log/app.log", 10_000, False), ("/data/app.log", 1000, sys.argv[1] == "reopens")):
    threading.Thread(target=append, args=(path, a_second, reopens)).start()
"""


class Verdict(NamedTuple):
    """Of so many changes: how many events name their shell, and whom the others name, by evidence."""

    right: Counter[str]
    wrong: Counter[str]
    unnamed: int

    @property
    def share(self) -> float:
        """Of the changes."""
        return self.right.total() / CHANGES


def held_by_shells(lab: Lab, task: FargateTask, user: str) -> Verdict:
    """Shells whose arguments name nothing append to a file and hold it; who is named for each change."""
    options = [*task.shared, f"--user={user}", DATA_OPTION]
    app = lab.new("app", BASE, options, ["python3", "-u", "-c", HOLDERS]).start()
    lab.ingest.wait_for("file.create", _of(app, "/data/end"), 60)
    shells = dict(map(int, line.split()) for line in app.logs().splitlines())
    verdict = Verdict(Counter(), Counter(), CHANGES)
    named: dict[int, Event] = {}
    for event in lab.ingest.events(kind="file.modify"):
        name = event["file"]["path"].removeprefix("/data/")
        if event["container"]["id"] == app.id and name.isdecimal() and "process" in event:
            named.setdefault(int(name), event)
    for number, event in named.items():
        counter = verdict.right if event["process"]["pid"] == shells[number] else verdict.wrong
        counter[event["file"]["actor_evidence"]] += 1
    return verdict._replace(unnamed=CHANGES - len(named))


class Unpacked(NamedTuple):
    """Files that are there, those that the events say are there, and how many overflows were told."""

    there: set[str]
    told: set[str]
    overflows: int


def unpack(lab: Lab, task: FargateTask, folder: Path, *, flood: bool) -> Unpacked:
    """A tree is unpacked where it is watched, beside one who fills the queue on purpose or not."""
    _write_tree(folder / "tree.tar")
    command = ["python3", "-u", "-c", UNPACK, "flood" if flood else "alone"]
    app = lab.new("app", BASE, task.shared, command)
    docker("cp", str(folder / "tree.tar"), f"{app.id}:/tree.tar")
    (folder / "var/www/html").mkdir(parents=True)
    docker("cp", str(folder / "var"), f"{app.id}:/")
    app.start()
    lab.ingest.wait_for("file.create", _of(app, "/etc/done"), 90)
    there = set(docker("exec", app.id, "find", "/var/www/html", "-type", "f").splitlines())
    try:
        wait_for("all files are told", lambda: _told_to_be_there(lab.ingest, app) == there, 60)
    except AssertionError:
        told = _told_to_be_there(lab.ingest, app)
    else:
        told = there
    losses = [e for e in lab.ingest.events(kind="sensor.loss") if e["loss"]["reason"] == "inotify_overflow"]
    return Unpacked(there, told, len(losses))


def appending(lab: Lab, task: FargateTask, *, reopens: bool) -> Container:
    """An app that appends to logs 10,000 times a second where nobody looks, and 1,000 times where it is watched."""
    command = ["python3", "-c", LOGS, "reopens" if reopens else "keeps"]
    return lab.new("app", BASE, [*task.shared, DATA_OPTION], command).start()


def _told_to_be_there(ingest: IngestContainer, app: Container) -> set[str]:
    there: set[str] = set()
    for event in ingest.events():
        if event["kind"] in ("file.create", "file.delete") and event["container"]["id"] == app.id:
            (there.add if event["kind"] == "file.create" else there.discard)(event["file"]["path"])
    return {path for path in there if path.startswith("/var/www/html/") and path.endswith(".txt")}


def _write_tree(path: Path) -> None:
    with tarfile.open(path, "w") as tree:
        for name in _tree():
            entry = tarfile.TarInfo(name)
            entry.size = len(name)
            tree.addfile(entry, io.BytesIO(name.encode()))


def _tree() -> Iterator[str]:
    for number in range(FILES):
        yield f"{number // FILES_A_DIRECTORY // 20}/{number // FILES_A_DIRECTORY}/{number}.txt"


def _of(app: Container, path: str) -> Callable[[Event], bool]:
    return lambda event: event["container"]["id"] == app.id and event["file"]["path"] == path


def figures(task: FargateTask) -> dict[str, int]:
    """What the doctor says of the watches that the list takes in the task's containers."""
    found = json.loads(task.sensor.execute("fargate-sensor", "doctor", "--json").stdout)
    return next(dict(check["figures"]) for check in found["checks"] if check["name"] == "file watches")
