import errno
import os
from collections.abc import Callable

import pytest

from sensor.model.errors import ProcessGone
from sensor.telemetry import usage
from sensor.telemetry.usage import Figures, UsageMeter
from tests.fakes import FakeClock

MIB = 1024 * 1024


def reader(figures: dict[int, Figures]) -> Callable[[int], Figures]:
    def read(pid: int) -> Figures:
        if pid not in figures:
            raise ProcessGone(f"PID {pid}: gone")
        return figures[pid]

    return read


def test_sensor_and_children_are_summed_up() -> None:
    own = os.getpid()
    figures = {own: Figures(2.0, 30 * MIB, True), own + 1: Figures(0.5, 5 * MIB, True)}
    meter = UsageMeter(clock=FakeClock(), pids=lambda: [own + 1], read=reader(figures))
    looked = meter.look()
    assert (looked.memory_bytes, looked.cpu_percent, looked.inexact) == (35 * MIB, None, None)


def test_the_share_is_of_the_time_since_the_last_look() -> None:
    own, clock = os.getpid(), FakeClock()
    figures = {own: Figures(2.0, MIB, True)}
    meter = UsageMeter(clock=clock, pids=list, read=reader(figures))
    meter.look()
    clock.advance(30)
    figures[own] = Figures(2.3, MIB, True)
    assert meter.look().cpu_percent == 1.0


def test_a_child_that_ended_takes_nothing_below_zero() -> None:
    own, clock = os.getpid(), FakeClock()
    figures = {own: Figures(1.0, MIB, True), own + 1: Figures(5.0, MIB, True)}
    meter = UsageMeter(clock=clock, pids=lambda: [own + 1], read=reader(figures))
    meter.look()
    del figures[own + 1]
    clock.advance(1)
    looked = meter.look()
    assert (looked.cpu_percent, looked.memory_bytes) == (0.0, MIB)


def test_resident_sizes_in_the_sum_are_named() -> None:
    own = os.getpid()
    figures = {own: Figures(1.0, MIB, True), own + 1: Figures(1.0, 2 * MIB, False)}
    looked = UsageMeter(clock=FakeClock(), pids=lambda: [own + 1], read=reader(figures)).look()
    assert looked.memory_bytes == 3 * MIB
    assert looked.inexact == "resident instead of proportional size for 1 of 2 processes"


def test_where_the_kernel_has_no_proportional_size_the_resident_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    read = usage.content

    def without_rollup(path: str) -> bytes:
        if path.endswith("smaps_rollup"):
            raise FileNotFoundError(path)
        return read(path)

    monkeypatch.setattr(usage, "content", without_rollup)
    found = usage.figures(os.getpid())
    assert found.memory_bytes > MIB
    assert not found.is_pss
    with pytest.raises(ProcessGone):
        usage.figures(2**30)


def test_a_clock_that_stands_still_gives_no_share() -> None:
    meter = UsageMeter(clock=FakeClock(), pids=list, read=reader({os.getpid(): Figures(1.0, MIB, True)}))
    meter.look()
    assert meter.look().cpu_percent is None


def test_without_a_descriptor_left_a_look_gives_the_memory_of_the_one_before() -> None:
    own = os.getpid()
    figures = {own: Figures(1.0, 3 * MIB, True)}
    reading = [reader(figures)]
    meter = UsageMeter(clock=FakeClock(), pids=list, read=lambda pid: reading[-1](pid))
    meter.look()

    def no_descriptor(_: int) -> Figures:
        raise OSError(errno.EMFILE, "Too many open files")

    reading.append(no_descriptor)
    looked = meter.look()
    assert (looked.cpu_percent, looked.memory_bytes) == (None, 3 * MIB)
    assert looked.inexact == "of an earlier look: Too many open files"
