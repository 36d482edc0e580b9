"""What the rules that ship say to the ordinary life of twelve services: start, health checks, load and
stop. Every detection there is a false one. Run by `make bench`; some of it by `python bench/ordinary_life.py redis`.

Nothing is asserted; the bar is no detection of the level high or above, and at most one of medium, for each service.
"""

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from docker_cli import BASE, LABEL, Container, docker
from ingest_container import Event
from lab import Lab, temporary_lab
from ordinary_services import PAGES, SERVICES, Service
from tables import table

INSTALL = "apt-get install -q -y --no-install-recommends"
BUILD_S = 900
SETTLES_S = 3
LEVELS = ("critical", "high", "medium", "low", "informational")
RUNNABLE = re.compile(r"/entry\.sh|/usr/local/bin/.*")


def image(name: str, service: Service) -> str:
    """Build it; its tag. Raises AssertionError with what docker said."""
    files = {"/load.py": PAGES, **service.files}
    runnable = " ".join(path for path in files if RUNNABLE.fullmatch(path)) or "/load.py"
    recipe = [
        f"FROM {BASE}",
        f"RUN apt-get update -q && {INSTALL} {service.packages} && rm -rf /var/lib/apt/lists/*",
        "COPY root/ /",
        f"RUN chmod 755 {runnable} && {service.build}",
    ]
    with TemporaryDirectory() as context:
        (Path(context) / "Dockerfile").write_text("\n".join(recipe) + "\n", encoding="utf-8")
        for path, text in files.items():
            file = Path(context) / "root" / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        tag = f"{LABEL}:life-{re.sub('[^a-z]+', '-', name.lower())}"
        docker("build", "--quiet", "--network=host", "--tag", tag, context, timeout=BUILD_S)
    return tag


def live(lab: Lab, service: Service, built: str) -> tuple[str, Sequence[Event]]:
    """One life beside the sensor: how healthy it was, and what was detected."""
    known = {event["id"] for event in lab.ingest.events(kind="detection")}
    task = lab.task()
    task.wait_healthy()
    host, port = lab.ingest.address(lab.network), "8080"  # a rule looks for its name in command lines
    options = [*task.shared, f"--env=NEEDS_HOST={host}", f"--env=NEEDS_PORT={port}"]
    checks = [f"--health-cmd={service.health}", "--health-interval=5s", "--health-timeout=5s", "--health-retries=3"]
    app = lab.new("app", built, [*options, *checks], service.command).start()
    time.sleep(SETTLES_S)
    load = lab.new("load", built, task.shared, ["sh", "-c", service.load]).start()
    time.sleep(service.seconds)
    health = str(app.inspect()["State"].get("Health", {}).get("Status"))
    docker("stop", "--timeout=10", app.id)
    time.sleep(SETTLES_S)
    finish(task.sensor)
    found = [event for event in lab.ingest.events(kind="detection") if event["id"] not in known]
    if health != "healthy":
        print(f"{app.role} was {health}:\n{app.logs()[-1500:]}\n{load.logs()[-500:]}", flush=True)
    for container in (load, app, task.pause):
        container.remove()
    return health, found


def finish(sensor: Container) -> None:
    """Let the sensor deliver what it has."""
    sensor.kill("TERM")
    sensor.wait_stopped(40)
    sensor.remove()


def described(event: Event) -> str:
    """One line about a detection."""
    detection, process = event["detection"], event.get("process", {})
    what = event.get("file", {}).get("path") or event.get("network", {}).get("dst") or ""
    above = " < ".join(str(ancestor.get("exe")) for ancestor in process.get("ancestors", ())[:2])
    line = " ".join(process.get("args") or [str(process.get("exe"))])
    return f"    {detection['level']}: {detection['title']} ({event['count']}): {line[:160]} {what} < {above}"


def main() -> int:
    """Live each life that is wanted, and print what was detected of it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("names", nargs="*", metavar="WORD", help="services whose name has this word (all)")
    words = arguments.parse_args().names
    wanted = [name for name in SERVICES if not words or any(word in name for word in words)]
    rows = []
    with temporary_lab() as lab:
        for name in wanted:
            built = image(name, SERVICES[name])
            health, found = live(lab, SERVICES[name], built)
            docker("rmi", "--force", built)
            levels = Counter(str(event["detection"]["level"]) for event in found)
            print(name, *map(described, found), sep="\n", flush=True)
            rows.append((name, health, *(str(levels[level]) for level in LEVELS)))
    found_in_all = table(("service", "health", *LEVELS), rows)
    print(f"\ndetections of ordinary life (bar: none high, one medium)\n\n{found_in_all}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
