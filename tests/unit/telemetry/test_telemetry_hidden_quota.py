"""A quota that nobody tells, by figures as they were read beside one and without."""

import os
from math import inf

import pytest

from sensor.telemetry.hidden_quota import HELD_S, SCHEDSTAT, STAT, HiddenQuota
from tests.fakes import FakeClock

LOOK_S = 5
QUOTA = {"ran": 0.015, "waited": 0.495, "idle": 1.7, "busy": 0.3}
"""Of each second, read in a task with a quarter of a core on a machine with two."""
OF_ONE, OF_ALL = (0.032, 0.001, 0.95, 1.03), (0.027, 0.026, 0.0, 2.0)
"""The same without a quota, beside one busy process and beside three."""


class Machine:
    """Its files, after so many seconds of each state."""

    def __init__(self) -> None:
        self.ran = self.waited = self.idle = self.busy = 0.0
        self.files: dict[str, bytes] = {}
        self.write()

    def spend(self, seconds: float, ran: float, waited: float, idle: float, busy: float) -> None:
        self.ran += ran * seconds
        self.waited += waited * seconds
        self.idle += idle * seconds
        self.busy += busy * seconds
        self.write()

    def write(self) -> None:
        ticks = os.sysconf("SC_CLK_TCK")
        idle, busy = round(self.idle * ticks), round(self.busy * ticks)
        self.files[SCHEDSTAT] = f"{int(self.ran * 1e9)} {int(self.waited * 1e9)} 77\n".encode()
        self.files[STAT] = f"cpu  {busy} 0 0 {idle} 0 0 0 12345 999 0\ncpu0 1 2 3 4\n".encode()

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]


class Scene:
    """A look after each state."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.machine = Machine()
        self.quota = HiddenQuota(self.clock, self.machine.read)

    def look_after(self, ran: float, waited: float, idle: float, busy: float, seconds: float = LOOK_S) -> float:
        self.clock.advance(seconds)
        self.machine.spend(seconds, ran, waited, idle, busy)
        return self.quota.look()


def test_two_looks_at_the_same_time_are_one() -> None:
    scene = Scene()
    assert scene.look_after(**QUOTA, seconds=0) == inf
    scene.machine.spend(1, **QUOTA)
    assert scene.quota.look() == inf


def test_who_waits_while_processors_idle_has_what_is_busy(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    scene = Scene()

    assert scene.look_after(**QUOTA) == pytest.approx(0.3)
    assert scene.look_after(**{**QUOTA, "busy": 0.27}) == pytest.approx(0.27)
    assert caplog.messages == ["held up while processors idle: the task has about 0.30 cores"]


@pytest.mark.parametrize(
    "state", [OF_ONE, OF_ALL, (0.2, 0.19, 1.7, 0.3), (0.004, 0.04, 1.9, 0.1), (0.015, 0.495, 0.4, 1.6)]
)
def test_who_waits_little_or_beside_busy_processors_is_not_held_up(state: tuple[float, ...]) -> None:
    assert Scene().look_after(*state) == inf


def test_it_holds_for_a_minute_after_it_was_last_seen() -> None:
    scene = Scene()
    scene.look_after(**QUOTA)
    scene.look_after(**QUOTA)

    assert scene.look_after(*OF_ONE, seconds=HELD_S - 1) == pytest.approx(0.3)
    assert scene.look_after(*OF_ONE, seconds=1) == inf


@pytest.mark.parametrize("path", [SCHEDSTAT, STAT])
@pytest.mark.parametrize("content", [None, b"", b"cpu  1 2 3", b"0"])
def test_a_kernel_that_does_not_tell_holds_nobody_up(path: str, content: bytes | None) -> None:
    scene = Scene()
    told = scene.machine.read

    def read(asked: str) -> bytes:
        if asked != path:
            return told(asked)
        if content is None:
            raise FileNotFoundError(path)
        return content

    quota = HiddenQuota(scene.clock, read)
    scene.clock.advance(LOOK_S)
    scene.machine.spend(LOOK_S, **QUOTA)
    assert quota.look() == inf


def test_the_kernels_own_files_are_read() -> None:
    clock = FakeClock()
    quota = HiddenQuota(clock)
    clock.advance(LOOK_S)

    assert quota.look() == inf
    assert quota._then is not None
    assert quota._then.idle + quota._then.busy > quota._then.ran > 0
