"""What tracing (SENSOR_PROCESS=trace) costs an app and what it sees, beside the cursor and, where on PATH, strace.

A shell's spawn loop, servers under load that spawn nothing, a program of many threads, and a campaign in which the
tracer is killed or stopped at random moments while an app spawns and signals itself. Nothing is asserted. Run by
`PYTHONPATH=tests/e2e:tests:tests/kernel:. python bench/trace.py [--rounds N] [--campaign N] [--only PART]`.
"""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from docker_cli import BASE, LABEL, Container, docker, wait_for
from fargate_task import FargateTask
from lab import Lab, temporary_lab
from machine import describe
from pairs import ratios
from peers import Strace
from tables import table
from trace_campaign import campaign, many_threads
from traced_turns import PAIRS, in_turns

SPAWNS = THREADS = 5000
LOOP = f"""
import os, subprocess, time
while not os.path.exists("/tmp/go"): time.sleep(0.01)
begin = time.monotonic()
subprocess.run(["dash", "-c", "i=0; while [ $i -lt {SPAWNS} ]; do /bin/true spawned $i; i=$((i+1)); done"], check=True)
print(time.monotonic() - begin, flush=True)
"""
ALONE, CURSOR, TRACE = "alone", "sensor, cursor", "sensor, trace"
FLOOR = "a tracer that only lets go on"
PAIRED = ("times alone, median", "of pairs")
LOAD_S = 2
SERVED = 4
"""Rounds under load for each round of the spawn loop: they are short, and what is looked for is a percent."""
SERVE = "redis-server --save '' --daemonize yes >/dev/null; exec nginx -g 'daemon off;'"
LOADS = {
    "nginx, requests a second": f"wrk -t1 -c16 -d{LOAD_S}s http://127.0.0.1/ | sed -n 's,Requests/sec: *,,p'",
    "redis, GET a second": "redis-benchmark -q --csv -t get -n 80000 | tail -1 | cut -d'\"' -f4",
}


def spawn_loop(lab: Lab, tasks: dict[str, FargateTask], rounds: int) -> None:
    """The loop's seconds in each way, one round after another so that the machine's moods fall on all."""
    seconds: dict[str, list[float]] = {}
    seen: dict[str, list[int]] = {}
    for _ in range(rounds):
        for name, task in (ALONE, None), *tasks.items():
            app = lab.new("app", BASE, task.shared if task else [], ["python3", "-c", LOOP]).start()
            app.execute("touch", "/tmp/go")
            seconds.setdefault(name, []).append(finished(app))
            if task is not None:
                lab.ingest.wait_for("container.stop", lambda event, app=app: event["container"]["id"] == app.id)
                seen.setdefault(name, []).append(told(lab, app))
            app.remove()
        app = lab.new("app", BASE, [], ["python3", "-c", LOOP]).start()
        with let_go_on(app):
            seconds.setdefault(FLOOR, []).append(finished(app))
        app.remove()
        if Strace.why_not() is None:
            with TemporaryDirectory() as folder:
                app = lab.new("app", BASE, [], ["python3", "-c", LOOP]).start()
                strace = Strace(app, Path(folder) / "execs")
                seconds.setdefault(Strace.name, []).append(finished(app))
                seen.setdefault(Strace.name, []).append(sum("spawned" in args for args in strace.seen()))
                app.remove()
    rows = [
        (name, *(f"{one:.2f}" for one in all_), *paired(all_, seconds[ALONE]), share(seen.get(name, [])))
        for name, all_ in seconds.items()
    ]
    head = ("", *(f"round {n + 1}" for n in range(rounds)), *PAIRED, "with all arguments")
    print(f"\n{SPAWNS} /bin/true, as fast as a shell can: seconds\n")
    print(table(head, rows))


@contextmanager
def let_go_on(app: Container) -> Iterator[None]:
    """A tracer beside the app that lets it go on at each stop; the app begins once it is followed."""
    pid = int(app.inspect()["State"]["Pid"])
    with subprocess.Popen([sys.executable, str(Path(__file__).with_name("trace_floor.py")), str(pid)]) as tracer:
        status = Path(f"/proc/{pid}/status")
        wait_for("the app is followed", lambda: "TracerPid:\t0\n" not in status.read_text())
        app.execute("touch", "/tmp/go")
        yield
        tracer.wait(30)


def paired(values: list[float], base: list[float]) -> tuple[str, str]:
    """Against what was measured beside it in the same round, as `PAIRED` heads it."""
    middle, least, most = ratios(values, base)
    return f"{middle:.3f}", f"{least:.3f} to {most:.3f}"


def finished(app: Container) -> float:
    """The seconds that the app prints at its end."""
    app.wait_stopped(120)
    return float(app.logs().split()[-1])


def told(lab: Lab, app: Container) -> int:
    """How many of the loop's programs the ingest has with all arguments."""
    execs = (e for e in lab.ingest.events(kind="process.exec") if e["container"]["id"] == app.id)
    return len({args[-1] for e in execs if "spawned" in (args := e["process"].get("args", ()))})


def share(seen: list[int]) -> str:
    """The least of all rounds, in percent."""
    return f"{100 * min(seen) / SPAWNS:.1f} %" if seen else ""


def servers(lab: Lab, tasks: dict[str, FargateTask], rounds: int) -> None:
    """Requests a second of servers that spawn nothing, alone, beside the cursor and traced, in turns."""
    image = f"{LABEL}:trace"
    recipe = Path(__file__).with_name("trace.Dockerfile")
    docker("build", "--quiet", "--network=host", f"--file={recipe}", "--tag", image, str(recipe.parent), timeout=600)
    places = {ALONE: None, **tasks}
    alone = [f"--network={lab.network}"]  # where docker's own DNS makes the kernel follow connections, as in a task
    running = {
        name: lab.new("server", image, task.shared if task else alone, ["sh", "-c", SERVE]).start()
        for name, task in places.items()
    }
    for server in running.values():
        wait_for("the server answers", lambda server=server: server.execute("redis-cli", "ping").returncode == 0)
    for load, command in LOADS.items():
        rates: dict[str, list[float]] = {name: [] for name in running}
        for n in range(rounds):
            for name, server in sorted(running.items(), reverse=n % 2 == 1):  # nobody is always the first
                rates[name].append(answered(server, command))
        rows = [
            (name, f"{median(all_):.0f}", *paired(all_, rates[ALONE]), *paired(all_, rates[CURSOR]))
            for name, all_ in rates.items()
        ]
        print(f"\n{load}, {rounds} rounds\n")
        print(table(("", "median", *PAIRED, "times cursor", "of pairs"), rows))
    for name in tasks:
        running[name].remove()
    print(f"\na server followed by the tracer and let go in turns, {PAIRS} pairs\n")
    server = running[ALONE]
    print(in_turns(server, {load: partial(answered, server, command) for load, command in LOADS.items()}))


def answered(server: Container, command: str) -> float:
    """A load's answers a second."""
    return float(server.execute("sh", "-c", command).stdout)


def main() -> int:
    """Run all four and print them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--campaign", type=int, default=100, help="times that the tracer is killed, and stopped")
    parser.add_argument("--only", choices=("spawns", "servers", "threads", "campaign"), help="one of the four")
    options = parser.parse_args()
    if options.only not in ("campaign", "threads"):
        in_containers(options.only, options.rounds)
    if options.only in (None, "threads"):
        print(asyncio.run(many_threads(THREADS)))
    if options.only in (None, "campaign"):
        print(asyncio.run(campaign(options.campaign)))
    return 0


def in_containers(only: str | None, rounds: int) -> None:
    """What an app in a container takes beside each kind of sensor."""
    parts: dict[str, tuple[Callable[[Lab, dict[str, FargateTask], int], None], int]] = {
        "spawns": (spawn_loop, rounds),
        "servers": (servers, SERVED * rounds),
    }
    with temporary_lab() as lab:
        print(describe(lab.images.sensor))
        unfolded = {"SENSOR_FOLD": "off", "SENSOR_DAILY_MB": "0"}
        tasks = {
            name: lab.task(unfolded | {"SENSOR_PROCESS": process})
            for name, process in ((CURSOR, "cursor"), (TRACE, "trace"))
        }
        for task in tasks.values():
            task.wait_healthy()
        for name, (part, times) in parts.items():
            if only in (None, name):
                part(lab, tasks, times)


if __name__ == "__main__":
    sys.exit(main())
