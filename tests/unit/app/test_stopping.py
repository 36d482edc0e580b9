"""How the time between SIGTERM and the end is divided."""

import signal
import subprocess
import sys

import pytest
from fakes import FakeClock

from sensor.app.stopping import GRACE_S, Stopping


@pytest.mark.parametrize(("deadline", "watched"), [(25.0, 25 * 2 / 3), (110.0, 100.0), (1.0, 2 / 3)])
def test_watching_ends_while_there_is_time_to_deliver(deadline: float, watched: float) -> None:
    assert Stopping(deadline, FakeClock()).to_watch() == pytest.approx(watched)


def test_all_of_it_fits_the_deadline() -> None:
    clock = FakeClock()
    stopping = Stopping(25, clock)
    clock.advance(stopping.to_watch())
    clock.advance(stopping.to_deliver())
    clock.advance(stopping.for_the_last_word())
    assert 0 < stopping.took() < 25


def test_after_the_deadline_nothing_is_left_but_a_moment_for_the_last_word() -> None:
    clock = FakeClock()
    stopping = Stopping(5, clock)
    clock.advance(60)
    assert (stopping.to_watch(), stopping.to_deliver(), stopping.for_the_last_word()) == (0, 0, 0.1)


HANGS = """
import sys, threading
from sensor.app import stopping
from sensor.model.clock import SystemClock

def refused(*_args, **_named):
    raise RuntimeError("can't start new thread")

threading.Thread(target=threading.Event().wait).start()  # the end of the interpreter waits for it
threading.Thread.start = refused
stopping.GRACE_S = 0.2
stop = stopping.Stopping(0.3, SystemClock())
stop.end_in_any_case()
sys.exit(1)
"""


def test_a_process_that_hangs_is_ended_also_where_no_thread_can_be_had() -> None:
    ended = subprocess.run([sys.executable, "-c", HANGS], stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, "")


def test_the_process_ends_soon_after_the_deadline_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    timers = list[tuple[int, float]]()
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(signal, "setitimer", lambda *wanted: timers.append(wanted))
    clock = FakeClock()
    stopping = Stopping(25, clock)
    clock.advance(5)
    stopping.end_in_any_case()
    assert timers == [(signal.ITIMER_REAL, 20 + GRACE_S)]


def test_the_sensor_adds_nothing_while_others_live() -> None:
    clock = FakeClock()
    stopping = Stopping(25, clock)
    clock.advance(3)
    assert stopping.added(alone_since=None, siblings_live=True) == 0


def test_it_adds_what_comes_after_the_last_of_them_or_after_the_signal() -> None:
    clock = FakeClock()
    before = clock.monotonic() - 100
    stopping = Stopping(25, clock)
    clock.advance(3)
    gone_at = clock.monotonic()
    clock.advance(2)
    assert stopping.added(gone_at, siblings_live=False) == 2
    assert stopping.added(before, siblings_live=False) == 5
    assert stopping.added(None, siblings_live=False) == 5
