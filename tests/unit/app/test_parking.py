"""A sensor that cannot go on is no burden to those beside it."""

import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sensor.app import sidecar as sidecar_module
from sensor.app.parking import YOUNG_S, park, uptime
from sensor.commands.health import PERIOD, STALE
from sensor.config.handover import Handover, View
from sensor.config.settings import Settings
from sensor.telemetry.pulse import INTERVAL_S, Pulse
from tests.fakes import FakeClock

Waited = Callable[[Any, float], object]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeClock]:
    """Moved by each wait for a signal, of which none comes."""
    clock, mask = FakeClock(), signal.pthread_sigmask(signal.SIG_BLOCK, ())
    monkeypatch.setattr(signal, "sigtimedwait", lambda _, seconds: clock.advance(seconds))
    monkeypatch.setattr(signal, "sigwait", lambda _: None)
    yield clock
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def pulse(clock: FakeClock, beats: list[tuple[float, bytes]]) -> Pulse:
    return Pulse(clock=clock, read=uptime, write=lambda name: beats.append((clock.monotonic(), name)))


@pytest.mark.parametrize(("age", "count"), [(0.0, 60), (300.0, 30), (YOUNG_S, 0), (1e6, 0)])
def test_it_says_that_it_lives_until_its_end_hurts_nobody(clock: FakeClock, age: float, count: int) -> None:
    beats: list[tuple[float, bytes]] = []
    born = clock.monotonic() - age
    park(pulse(clock, beats), clock, born)
    assert len(beats) == count
    assert all(name.startswith(b"sensor pk ") for _, name in beats)
    assert all(at - born < YOUNG_S for at, _ in beats)
    assert INTERVAL_S < STALE


def test_a_signal_ends_it(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # of the clock's waits
    beats: list[tuple[float, bytes]] = []
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)  # any thread of the tests would do otherwise
    park(pulse(clock, beats), clock, clock.monotonic())
    assert len(beats) == 1
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)  # any thread of the tests would do otherwise
    park(pulse(clock, beats), clock, clock.monotonic() - YOUNG_S)
    assert len(beats) == 1


def test_a_sign_that_cannot_be_given_is_told_and_no_end(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    def refused(_name: bytes) -> None:
        raise OSError("prctl(15): Operation not permitted")

    park(Pulse(clock=clock, read=uptime, write=refused), clock, clock.monotonic())
    assert clock.monotonic() >= 1000 + YOUNG_S
    assert any("no sign of life for health checks" in line for line in caplog.messages)


def test_the_time_is_that_of_the_health_command() -> None:
    with open("/proc/uptime", encoding="ascii") as file:
        assert 0 <= (int(float(file.read().split()[0])) - int(uptime("uptime"))) % PERIOD <= 60


@pytest.mark.parametrize(
    ("handover", "code", "parks"),
    [
        (Handover(Settings()), 0, 1),
        (Handover(Settings(exit_when_alone=True)), 0, 0),
        (Handover(Settings(), view=View.PERSON), 1, 0),
    ],
)
def test_it_stays_unless_others_wait_for_its_end(
    handover: Handover, code: int, parks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parked: list[object] = []

    def broken(*_: object) -> None:
        raise ValueError("a fault")

    monkeypatch.setattr(sidecar_module, "Sidecar", broken)
    monkeypatch.setattr(sidecar_module, "park", lambda *_: parked.append(_))
    assert (sidecar_module.run(handover, None, ()), len(parked)) == (code, parks)
