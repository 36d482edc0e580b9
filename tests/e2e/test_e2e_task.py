"""The whole line: an app does what apps do, and the ingest's API has it, with who did it and how they came to run."""

import pytest
from docker_cli import BASE

PORT = 9000
PEER = f"""
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
import os, pathlib, socket, subprocess, sys, time
subprocess.run(["sh", "-c", "cp /bin/ls /tmp/x && /tmp/x -lR /usr > /dev/null && sleep 0.25"], check=True)
with socket.create_connection(("PEER", {PORT})) as connection:
    connection.sendall(b"hello")
    connection.recv(2000)
    time.sleep(2)
pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/etc/app-was-here").write_text("")
time.sleep(3600)
"""


@pytest.fixture
def peer(lab):
    """A server in a container outside of the task."""
    return lab.new("peer", BASE, [f"--network={lab.network}"], ["python3", "-c", PEER]).start()


def args(event):
    """The arguments of an event's process, as a line."""
    return " ".join(event["process"].get("args", ()))


def ran(line):
    """Whether an event's process ran this command line."""
    return lambda event: args(event) == line


def ancestors(event):
    """What stands above an event's process, nearest first."""
    return [ancestor["exe"] for ancestor in event["process"]["ancestors"]]


def test_an_app_as_root_beside_a_sensor_with_sys_ptrace(lab, ingest, peer):
    task = lab.task()
    task.wait_healthy()
    app = task.app(APP.replace("PEER", peer.address(lab.network)))

    copied = ingest.wait_for("process.exec", ran("/tmp/x -lR /usr"))
    (shell,) = [event for event in ingest.events(kind="process.exec") if args(event).startswith("sh -c cp /bin/ls")]
    (python,) = [event for event in ingest.events(kind="process.exec") if args(event).startswith("python3 -u -c")]
    assert copied["container"]["id"] == shell["container"]["id"] == app.id
    assert copied["process"]["exe"] == "/tmp/x"
    assert copied["process"]["uid"] == 0
    assert [a["entity"] for a in copied["process"]["ancestors"]][:2] == [
        shell["process"]["entity"],
        python["process"]["entity"],
    ]
    assert [lack for lack in copied["evidence"].get("missing", []) if lack["reason"] != "not yet"] == []

    ended = ingest.wait_for("process.exit", ran("/tmp/x -lR /usr"))
    assert ended["process"]["entity"] == copied["process"]["entity"]
    assert ended["process"].get("exit_code") == 0

    written = ingest.wait_for("file.create", lambda event: event["file"]["path"] == "/etc/app-was-here")
    assert written["container"]["id"] == app.id
    dropped = ingest.wait_for("file.create", lambda event: event["file"]["path"] == "/tmp/x")
    assert dropped["container"]["id"] == app.id

    flow = ingest.wait_for("network.flow", lambda event: event["network"].get("dst_port") == PORT)
    assert flow["network"]["dst"] == peer.address(lab.network)
    assert flow["network"]["direction"] == "outbound"
    assert flow["network"]["bytes_out"] == 5
    assert flow["network"]["bytes_in"] == 1000
    assert flow["process"]["entity"] == python["process"]["entity"]
    assert flow["container"]["id"] == app.id
    assert "session" not in flow["process"], "the app's first process did not come in from outside"


def test_a_program_brought_in_by_docker_exec_is_told_as_such(lab, ingest):
    task = lab.task()
    task.wait_healthy()
    app = task.app("import time; time.sleep(3600)")
    ingest.wait_for("process.exec", lambda event: event["container"]["id"] == app.id)

    app.execute("sh", "-c", "sleep 0.271; true")

    shell = ingest.wait_for("process.exec", ran("sh -c sleep 0.271; true"))
    sleep = ingest.wait_for("process.exec", ran("sleep 0.271"))
    assert shell["container"]["id"] == sleep["container"]["id"] == app.id
    assert shell["process"]["session"] == sleep["process"]["session"] == "exec"
    assert [ancestor["entity"] for ancestor in sleep["process"]["ancestors"]] == [shell["process"]["entity"]]


def test_an_app_as_another_user_beside_a_sensor_without_sys_ptrace(lab, ingest, peer):
    task = lab.task(ptrace=False)
    task.wait_healthy()
    app = task.app(
        APP.replace("PEER", peer.address(lab.network)).replace("/etc/app-was-here", "/tmp/x2"), user="1000:1000"
    )

    copied = ingest.wait_for("process.exec", ran("/tmp/x -lR /usr"))
    assert copied["container"]["id"] == app.id
    assert copied["process"]["uid"] == 1000
    missing = {entry["field"]: entry["reason"] for entry in copied["evidence"].get("missing", ())}
    for field in ("exe", "cwd"):
        assert (field in copied["process"]) != (f"process.{field}" in missing), f"{field} is neither there nor missed"

    flow = ingest.wait_for("network.flow", lambda event: event["network"].get("dst_port") == PORT)
    assert flow["network"]["dst"] == peer.address(lab.network)
