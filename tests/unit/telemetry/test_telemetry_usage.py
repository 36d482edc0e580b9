import errno
import os
from collections.abc import Callable

from sensor.model.errors import ProcessGone
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
    usage = meter.look()
    assert (usage.memory_bytes, usage.cpu_percent, usage.inexact) == (35 * MIB, None, None)


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
    usage = meter.look()
    assert (usage.cpu_percent, usage.memory_bytes) == (0.0, MIB)


def test_resident_sizes_in_the_sum_are_named() -> None:
    own = os.getpid()
    figures = {own: Figures(1.0, MIB, True), own + 1: Figures(1.0, 2 * MIB, False)}
    usage = UsageMeter(clock=FakeClock(), pids=lambda: [own + 1], read=reader(figures)).look()
    assert usage.memory_bytes == 3 * MIB
    assert usage.inexact == "resident instead of proportional size for 1 of 2 processes"


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
    usage = meter.look()
    assert (usage.cpu_percent, usage.memory_bytes) == (None, 3 * MIB)
    assert usage.inexact == "of an earlier look: Too many open files"
