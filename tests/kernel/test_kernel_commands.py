"""The commands for real: stage one, exec, stage two, on this machine's own processes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from process_environ import visible_environ

pytestmark = pytest.mark.kernel

CLI = [sys.executable, "-m", "sensor.cli"]
DEADLINE_S = 30.0


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Ours without any setting, and a temporary directory of its own."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("SENSOR_", "INGEST_"))}
    return clean | {"TMPDIR": str(tmp_path)}


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(environ: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts a command with its streams piped; what still runs at the end of the test is killed."""
    running: list[subprocess.Popen[str]] = []

    def begin(*argv: str, **settings: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*CLI, *argv], env=environ | settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def comm(process: "subprocess.Popen[str]") -> str:
    return Path(f"/proc/{process.pid}/comm").read_text().strip()


def health() -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*CLI, "health"], capture_output=True, text=True)


def relations(marker: str) -> list[str]:
    """Command lines of processes whose environment has the marker: children of a command, however deep."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and marker.encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_watch_piped_writes_events_and_nothing_else(start: Start) -> None:
    watching = start("watch", "--for", "3")
    assert watching.stdout is not None
    first = json.loads(watching.stdout.readline())
    marker = f"0.5{os.getpid()}"
    subprocess.run(["sleep", marker], check=True)
    events: list[dict[str, Any]] = [first, *map(json.loads, watching.stdout)]  # communicate() forgets what is buffered
    assert watching.wait(DEADLINE_S) == 0
    assert watching.stderr is not None
    assert watching.stderr.read() == ""
    assert {e["kind"] for e in events} >= {"sensor.start", "process.exec", "sensor.stop"}
    executed = [e["process"] for e in events if e["kind"] == "process.exec"]
    assert [p["args"] for p in executed if p.get("args", [""])[-1] == marker] == [["sleep", marker]]


def test_watch_ends_quietly_when_nobody_reads_any_more(start: Start) -> None:
    watching = start("watch")
    assert watching.stdout is not None
    assert watching.stderr is not None
    watching.stdout.readline()
    watching.stdout.close()
    wait_until(lambda: watching.poll() is not None)
    assert "Traceback" not in watching.stderr.read()


def test_a_wrong_configuration_parks_is_alive_and_ends_at_sigterm(start: Start) -> None:
    parked = start("run", "--heartbeat", "never")
    wait_until(lambda: comm(parked).startswith("sensor pk "))
    checked = health()
    assert (checked.returncode, checked.stdout) == (0, "parked: see the log\n")
    parked.terminate()
    _, err = parked.communicate(timeout=DEADLINE_S)
    assert parked.returncode == 0
    assert "--heartbeat: should be a valid number" in err
    assert "SENSOR_INGEST_URL: missing" in err


def test_an_ingest_that_is_not_there_stops_neither_start_nor_end(start: Start) -> None:
    run = start(
        "run",
        SENSOR_INGEST_URL="http://127.0.0.1:9",
        SENSOR_INGEST_TOKEN="hush-hush",
        SENSOR_STOP_DEADLINE="1",
    )
    wait_until(lambda: comm(run).startswith("sensor ok "))
    assert health().returncode == 0
    assert "hush-hush" not in Path(f"/proc/{run.pid}/cmdline").read_text()
    assert b"hush-hush" not in visible_environ(run.pid)
    run.terminate()
    _, err = run.communicate(timeout=DEADLINE_S)
    assert run.returncode == 0
    assert "hush-hush" not in err


LASTING = (
    "A script appeared among the pages of a web server",
    "A web server starts a shell",
    "A program runs out of a directory that everybody may write to",
    "A cron table was written below the demo's directory",
    "A shell opens a connection through /dev/tcp",
    "The history of a shell was removed",
)
"""What is told of steps that last: others are over in a millisecond, and may be missed on a busy machine."""


def test_the_demo_plays_an_intrusion_ends_by_itself_and_shows_what_was_seen(start: Start, tmp_path: Path) -> None:
    demo = start("demo", "--for", "12")
    out, err = demo.communicate(timeout=2 * DEADLINE_S)
    assert demo.returncode == 0, err
    assert re.search(r"^console: http://127\.0\.0\.1:\d+/#token=\S+$", out, re.MULTILINE)
    assert out.count(" of 9: ") == 9
    for title in LASTING:
        assert title in out
    counted = r"^ +steps of which something was seen +9 of 9, [6-9] detected +\d of 9$"
    assert re.search(counted, out, re.MULTILINE), out
    for kind in ("process.exec", "process.exit", "file.create", "network.connect", "sensor.stop"):
        assert re.search(rf"^  {kind} +[1-9]", out, re.MULTILINE), out
    assert "unexplained ≤ " in out
    assert relations(f"TMPDIR={tmp_path}") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_demo_ends_in_order_when_told_to(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    demo = start("demo")
    assert demo.stdout is not None
    while not demo.stdout.readline().startswith("Ctrl-C ends it"):
        assert demo.poll() is None
    demo.send_signal(number)
    out, err = demo.communicate(timeout=DEADLINE_S)
    assert demo.returncode == 0, err
    assert "sensor.stop" in out
    assert "Traceback" not in err
    assert relations(f"TMPDIR={tmp_path}") == []
    assert list(tmp_path.iterdir()) == []


def test_the_demo_interrupted_while_it_starts_leaves_nothing(start: Start, tmp_path: Path) -> None:
    demo = start("demo")
    assert demo.stdout is not None
    assert demo.stdout.readline() == "starting the ingest\n"
    demo.send_signal(signal.SIGINT)
    _, err = demo.communicate(timeout=DEADLINE_S)
    assert (demo.returncode, err) == (130, "")
    assert relations(f"TMPDIR={tmp_path}") == []
    assert list(tmp_path.iterdir()) == []
