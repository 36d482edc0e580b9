"""What the sensor reads of its own processes, beside what psutil reads."""

import os
import subprocess
import sys

import psutil
import pytest

from sensor.model.errors import ProcessGone
from sensor.telemetry.usage import figures

CHILD = """
import sys
held = bytearray(8 << 20)
sum(range(3_000_000))
print("ready", flush=True)
sys.stdin.read()
"""


def test_figures_are_those_of_psutil() -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found, process = figures(child.pid), psutil.Process(child.pid)
        times, memory = process.cpu_times(), process.memory_full_info()
    assert found.is_pss
    assert found.memory_bytes == pytest.approx(memory.pss, rel=0.2)
    assert found.cpu_s == pytest.approx(times.user + times.system, abs=0.2)
    assert found.cpu_s > 0


def test_children_that_were_waited_for_count() -> None:
    before = figures(os.getpid()).cpu_s
    subprocess.run([sys.executable, "-c", "sum(range(10_000_000))"], check=True)
    times = psutil.Process().cpu_times()
    assert before < figures(os.getpid()).cpu_s == pytest.approx(sum(times[:4]), abs=0.5)


def test_what_has_ended_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with pytest.raises(ProcessGone):
        figures(child.pid)
