"""Health: a fresh sign of life in our own container, read from a fake /proc."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.commands.health import PERIOD, STALE, main

UPTIME = 81_234


class FakeProc:
    """As much of /proc as a health check reads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "uptime").write_text(f"{UPTIME}.56 1234.00\n")
        (root / "meminfo").write_text("")
        self.add("self", "fargate-sensor")

    def add(self, pid: str, comm: str, uid: int | None = None, device: str = "0:31") -> None:
        process = self.root / pid
        process.mkdir()
        own = os.getuid() if uid is None else uid
        (process / "comm").write_text(comm + "\n")
        (process / "status").write_text(f"Name:\t{comm}\nUid:\t{own}\t0\t0\t0\n")
        (process / "mountinfo").write_text(
            f"21 1 8:1 / / rw - ext4 /dev/sda rw\n22 21 {device} / / rw - overlay overlay rw\n"
            "23 22 0:5 / /proc rw - proc proc rw\n"
        )


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path)


def told(proc: FakeProc, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main([], str(proc.root))
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_a_fresh_sign_is_healthy(proc: FakeProc, capsys: pytest.CaptureFixture[str]) -> None:
    proc.add("17", f"sensor ok {UPTIME - 9}")
    assert told(proc, capsys) == (0, "ok: sign of life 9 s ago\n")


def test_a_parked_sensor_is_alive_and_says_so(proc: FakeProc, capsys: pytest.CaptureFixture[str]) -> None:
    proc.add("17", f"sensor pk {UPTIME}")
    assert told(proc, capsys) == (0, "parked: see the log\n")


def test_a_minute_of_silence_is_not_healthy(proc: FakeProc, capsys: pytest.CaptureFixture[str]) -> None:
    proc.add("17", f"sensor ok {UPTIME - STALE}")
    assert told(proc, capsys)[0] == 0
    (proc.root / "uptime").write_text(f"{UPTIME + 1}.00 0\n")
    assert told(proc, capsys) == (1, "unhealthy: the sensor's last sign of life was 61 s ago\n")


def test_the_seconds_wrap_around(proc: FakeProc, capsys: pytest.CaptureFixture[str]) -> None:
    (proc.root / "uptime").write_text(f"{3 * PERIOD + 2}.00 0\n")
    proc.add("17", f"sensor ok {PERIOD - 3}")
    assert told(proc, capsys) == (0, "ok: sign of life 5 s ago\n")


def test_the_youngest_sign_counts_as_children_keep_an_old_one(
    proc: FakeProc, capsys: pytest.CaptureFixture[str]
) -> None:
    proc.add("17", f"sensor ok {UPTIME - 2}")
    proc.add("18", f"sensor ok {UPTIME - 5000}")
    assert told(proc, capsys) == (0, "ok: sign of life 2 s ago\n")


@pytest.mark.parametrize(
    ("comm", "uid", "device"),
    [
        (f"sensor ok {UPTIME}", None, "0:99"),
        (f"sensor ok {UPTIME}", 54_321, "0:31"),
        (f"sensor no {UPTIME}", None, "0:31"),
        (f"Sensor ok {UPTIME}", None, "0:31"),
        (f"sensor ok {UPTIME} x", None, "0:31"),
        ("sensor ok x", None, "0:31"),
        ("sensor ok ²", None, "0:31"),
        ("", None, "0:31"),
        ("nginx", None, "0:31"),
    ],
)
def test_what_is_not_our_sensor_does_not_count(
    proc: FakeProc, capsys: pytest.CaptureFixture[str], comm: str, uid: int | None, device: str
) -> None:
    proc.add("17", comm, uid, device)
    assert told(proc, capsys) == (1, "unhealthy: no sensor runs in this container\n")


def test_processes_that_vanish_or_end_do_not_disturb(proc: FakeProc, capsys: pytest.CaptureFixture[str]) -> None:
    (proc.root / "5").mkdir()
    proc.add("6", f"sensor ok {UPTIME}")
    (proc.root / "6" / "mountinfo").write_text("")
    proc.add("17", f"sensor ok {UPTIME}")
    assert told(proc, capsys)[0] == 0


def test_help_and_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "For example" in capsys.readouterr().out
    assert main(["--fast"]) == 2
    assert capsys.readouterr().err == "fargate-sensor health: takes no options\n"


def test_it_imports_next_to_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); sys.argv = ['fargate-sensor', 'health'];"
        "from sensor.cli import main; main(); print(*sorted(set(sys.modules) - before))"
    )
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[4])
    loaded = {name for name in done.stdout.split() if "." in name or name not in sys.builtin_module_names}
    heavy = {"asyncio", "typing", "dataclasses", "argparse", "logging", "re", "json", "pydantic", "inspect"}
    assert "sensor.commands.health" in loaded
    assert not loaded & heavy


@pytest.mark.kernel
def test_a_real_process_with_the_sign_is_found() -> None:
    code = (
        "import sys; comm = 'sensor ok %d' % (float(open('/proc/uptime').read().split()[0]) % 100000);"
        "open('/proc/self/comm', 'w').write(comm); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sensor:
        assert sensor.stdout is not None
        sensor.stdout.readline()
        done = subprocess.run([sys.executable, "-m", "sensor.cli", "health"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("ok: sign of life ")
