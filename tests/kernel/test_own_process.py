"""What the sensor does to its own process, done in a child, so that the tests' own stays as it is."""

import json
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.kernel

HARDENED = """
import json, os, resource
from collectors.procfs import Procfs
from sensor.commands.health import signs_of_life
from sensor.model.clock import SystemClock
from sensor.telemetry.hardening import harden
from sensor.telemetry.pulse import Pulse
from sensor.telemetry.usage import UsageMeter

resource.setrlimit(resource.RLIMIT_NOFILE, (512, 600))
measures = harden()
procfs, clock = Procfs(), SystemClock()
Pulse(clock=clock, read=procfs.read).beat()
usage = UsageMeter(clock=clock, pids=list).look()
with open("/etc/passwd", "rb") as file:
    through_own_descriptor = os.stat(f"/proc/self/fd/{file.fileno()}").st_ino == os.fstat(file.fileno()).st_ino
print(json.dumps({
    "measures": {m.name: m.ok for m in measures},
    "oom_score_adj": int(procfs.read("self/oom_score_adj")),
    "nofile": resource.getrlimit(resource.RLIMIT_NOFILE),
    "comm": procfs.read(f"{os.getpid()}/comm").decode().strip(),
    "signs": [[age, state] for age, state in signs_of_life("/proc")],
    "descriptors": len(procfs.names("self/fd")),
    "through_own_descriptor": through_own_descriptor,
    "memory_bytes": usage.memory_bytes,
    "inexact": usage.inexact,
}))
"""


@pytest.fixture(scope="module")
def hardened() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", HARDENED], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_measure_is_taken(hardened: dict[str, Any]) -> None:
    assert hardened["measures"] == {"oom_score_adj": True, "nofile": True, "dumpable": True}
    assert hardened["oom_score_adj"] == 1000
    assert hardened["nofile"] == [600, 600]


def test_the_health_command_finds_the_beat(hardened: dict[str, Any]) -> None:
    assert hardened["comm"].startswith("sensor ok ")
    assert min(hardened["signs"])[0] <= 60


def test_what_the_sensor_needs_of_its_own_stays_readable(hardened: dict[str, Any]) -> None:
    assert hardened["descriptors"] >= 3
    assert hardened["through_own_descriptor"]


def test_its_own_memory_is_still_known_exactly(hardened: dict[str, Any]) -> None:
    assert 1_000_000 < hardened["memory_bytes"] < 100_000_000
    assert hardened["inexact"] is None
