"""A task with something to do, 20 programs and 20 connections a second: the sensor's CPU and memory, and what a loop
takes there that only reads."""

import time
from pathlib import Path

from cpu_time import SETTLED_S, used_in
from docker_cli import BASE
from fargate_task import start_pause
from footprint import probe
from lab import Lab
from tables import table
from terms import TERMS, Terms

PER_SECOND = 20
PORT = 8080
SERVER = f"""
import socket
listener = socket.create_server(("", {PORT}))
while True:
    listener.accept()[0].close()
"""
APP = f"""
import os, socket, sys, time
due = time.monotonic()
while True:
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {{}}), 0)
    with socket.create_connection((sys.argv[1], {PORT})) as connection:
        connection.recv(1)
    due += 1 / {PER_SECOND}
    time.sleep(max(0, due - time.monotonic()))
"""


def busy(lab: Lab, seconds: float) -> None:
    """On both terms: without SYS_PTRACE the sensor has helpers, which are counted with it."""
    server = lab.new("server", BASE, [f"--network={lab.network}"], ["python3", "-c", SERVER]).start()
    host = server.address(lab.network)
    rows = [measured(lab, terms, seconds, host) for terms in TERMS]
    rows.append(("a loop that only reads, as on ECS", floor(lab, seconds, host), "", "1"))
    server.remove()
    print(f"\nbusy: {PER_SECOND} programs and {PER_SECOND} connections a second for {seconds:g} s\n")
    print(table(("terms", "CPU of one core", "memory (PSS)", "processes of the sensor"), rows))


def measured(lab: Lab, terms: Terms, seconds: float, host: str) -> tuple[str, ...]:
    """One run."""
    task = lab.task(ptrace=terms.ptrace)
    task.wait_healthy()
    options = [*task.shared, f"--user={terms.user}"]
    app = lab.new("app", BASE, options, ["python3", "-c", APP, host]).start()
    time.sleep(SETTLED_S)
    percent = used_in(task.sensor, seconds)
    state = probe(task)
    for container in (app, task.sensor, task.pause):
        container.remove()
    return terms.name, f"{percent:.2f} %", f"{state['pss'] / 1e6:.1f} MB", str(state["processes"])


def floor(lab: Lab, seconds: float, host: str) -> str:
    """The CPU of `busy_floor` in the sensor's place."""
    pause, shared = start_pause(lab.new, lab.network)
    app = lab.new("app", BASE, shared, ["python3", "-c", APP, host]).start()
    script = Path(__file__).with_name("busy_floor.py")
    options = ["--cap-add=SYS_PTRACE", "--read-only", f"--volume={script}:/floor.py:ro", "--entrypoint=python3"]
    loop = lab.new("floor", lab.images.sensor, [*shared, *options], ["/floor.py", "posix_spawn"]).start()
    time.sleep(SETTLED_S)
    percent = used_in(loop, seconds)
    for container in (app, loop, pause):
        container.remove()
    return f"{percent:.2f} %"
