"""An app that does what apps do, whose events every task and every pod must yield, and what stands in them."""

from collections.abc import Callable
from typing import NamedTuple

from docker_cli import BASE, Container, wait_for
from ingest_container import Event, IngestContainer
from lab import Lab

PORT = 9000
SERVER = f"""
import socket
server = socket.create_server(("", {PORT}))
while True:
    connection, _ = server.accept()
    connection.recv(100)
    connection.sendall(b"x" * 1000)
    connection.recv(100)
    connection.close()
"""
APP = f"""
import pathlib, socket, subprocess, sys, time
subprocess.run(["sh", "-c", "cp /bin/ls /tmp/x && /tmp/x -lR /usr > /dev/null && sleep 0.25"], check=True)
with socket.create_connection(("SERVER", {PORT})) as connection:
    connection.sendall(b"hello")
    connection.recv(2000)
    time.sleep(2)
pathlib.Path("FILE").write_text("#!/bin/sh\\n")
time.sleep(3600)
"""

READY = "ready"
WHEN_TOLD = f"""
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGUSR1}})
print("{READY}")
signal.sigwait({{signal.SIGUSR1}})
"""
"""Before a script: what follows waits for `tell`."""


class Programs(NamedTuple):
    """The execs of an app: its first process, the shell below it, and what the shell has copied and run."""

    python: Event
    shell: Event
    copied: Event


def start_server(lab: Lab) -> Container:
    """What the app connects to, in a container outside of its task."""
    return lab.new("server", BASE, [f"--network={lab.network}"], ["python3", "-c", SERVER]).start()


def tell(app: Container) -> None:
    """An app that began with `WHEN_TOLD` goes on."""
    wait_for(f"{app.role} waits", lambda: READY in app.logs())
    app.kill("USR1")


def script(server: str, file: str) -> str:
    """The app as a Python script: whom it connects to, by name or address, and which file it makes in the end."""
    return APP.replace("SERVER", server).replace("FILE", file)


def args(event: Event) -> str:
    """The arguments of an event's process, as a line."""
    return " ".join(event["process"].get("args", ()))


def ran(line: str) -> Callable[[Event], bool]:
    """Whether an event's process ran this command line."""
    return lambda event: args(event) == line


def in_container(app: Container, matches: Callable[[Event], bool]) -> Callable[[Event], bool]:
    """Whether an event is of this container, and matches."""
    return lambda event: event.get("container", {}).get("id") == app.id and matches(event)


def assert_programs_told(ingest: IngestContainer, app: Container, uid: int) -> Programs:
    """All three, whole, below each other, and the end of the last."""
    copied = ingest.wait_for("process.exec", in_container(app, ran("/tmp/x -lR /usr")))
    execs = [event for event in ingest.events(kind="process.exec") if event["container"]["id"] == app.id]
    (shell,) = [event for event in execs if args(event).startswith("sh -c cp /bin/ls")]
    (python,) = [event for event in execs if args(event).startswith("python3 -u -c")]
    assert copied["process"]["exe"] == "/tmp/x"
    assert {event["process"]["uid"] for event in (python, shell, copied)} == {uid}
    assert [a["entity"] for a in copied["process"]["ancestors"]][:2] == [
        shell["process"]["entity"],
        python["process"]["entity"],
    ]
    assert [lack for lack in copied["evidence"].get("missing", []) if lack["reason"] != "not yet"] == []

    ended = ingest.wait_for("process.exit", in_container(app, ran("/tmp/x -lR /usr")))
    assert ended["process"]["entity"] == copied["process"]["entity"]
    return Programs(python, shell, copied)


def assert_files_told(ingest: IngestContainer, app: Container, path: str) -> None:
    """The file that it makes in the end, and the program that it has made for itself."""
    for made in (path, "/tmp/x"):
        ingest.wait_for("file.create", in_container(app, lambda event, made=made: event["file"]["path"] == made))


def assert_flow_told(ingest: IngestContainer, app: Container, programs: Programs, address: str) -> Event:
    """Its connection, with its bytes and its owner."""
    flow = ingest.wait_for("network.flow", in_container(app, lambda event: event["network"].get("dst_port") == PORT))
    assert flow["network"]["dst"] == address
    assert flow["network"]["direction"] == "outbound"
    assert flow["network"]["bytes_out"] == 5
    assert flow["network"]["bytes_in"] == 1000
    assert flow["process"]["entity"] == programs.python["process"]["entity"]
    return flow


def assert_name_asked(ingest: IngestContainer, name: str, address: str) -> None:
    """The query for the name that it connects to, with the answer."""
    asked = ingest.wait_for("dns.query", lambda event: (event["dns"]["question"], event["dns"]["type"]) == (name, "A"))
    assert asked["dns"]["rcode"] == "NOERROR"
    assert asked["dns"]["answers"] == [f"A {address}"]
