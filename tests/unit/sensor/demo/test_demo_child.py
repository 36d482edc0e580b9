"""Children of the demo: logs in a file, an orderly end, and none that outlives it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sensor.demo.child import Child

DEADLINE_S = 20.0
SLEEPS = "import time; print('up', flush=True); time.sleep(60)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEPS


def started(code: str, log: Path) -> Child:
    return Child("child", [sys.executable, "-c", code], os.environ, log)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_it_ends_when_asked(tmp_path: Path) -> None:
    child = started(SLEEPS, tmp_path / "log")
    assert child.code() is None
    assert child.stop(DEADLINE_S) == child.code() == -signal.SIGTERM
    assert child.stop(0) == -signal.SIGTERM, "once more does no harm"


def test_it_ends_when_it_does_not_listen(tmp_path: Path) -> None:
    child = started(DEAF, tmp_path / "log")
    wait_until(lambda: child.log() == ["up"])
    assert child.stop(0.05) == -signal.SIGKILL


def test_both_streams_are_in_its_log(tmp_path: Path) -> None:
    child = started(
        "import sys; print('a', flush=True); sys.stderr.write('b\\udcff\\n'); sys.exit(3)", tmp_path / "log"
    )
    wait_until(lambda: child.code() is not None)
    assert child.code() == 3
    assert child.log()[0] == "a"


def test_warnings_and_errors_are_told_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = started("pass", log)
    child.stop(DEADLINE_S)
    log.write_text(
        "2026-11-24T02:28:00Z info sensor: a warning of nothing\n"
        "2026-11-24T02:28:00Z warning sensor: one\n"
        "2026-11-24 02:28:00,123 ERROR ingest: two\n"
    )
    assert [line[-3:] for line in child.new_trouble()] == ["one", "two"]
    with log.open("a") as more:
        more.write("2026-11-24T02:28:01Z critical sensor: six\n")
    assert [line[-3:] for line in child.new_trouble()] == ["six"]
    assert child.new_trouble() == []


def test_it_does_not_outlive_a_demo_that_is_killed(tmp_path: Path) -> None:
    code = f"""
import os, sys, time
from pathlib import Path
from sensor.demo.child import Child
child = Child("c", [sys.executable, "-c", {SLEEPS!r}], os.environ, Path({str(tmp_path / "log")!r}))
print(child._process.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as demo:
        assert demo.stdout is not None
        pid = int(demo.stdout.readline())
        watching = os.pidfd_open(pid)
        demo.kill()
    try:
        wait_until(lambda: not _alive(pid))
    finally:
        os.close(watching)


def _alive(pid: int) -> bool:
    """Whether it runs; a zombie that nobody waits for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
