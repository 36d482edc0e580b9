"""Lasting trouble takes few lines."""

import logging

import pytest
from fakes import FakeClock

from sensor.telemetry.trouble import Trouble


def test_the_first_failure_is_told_at_once_then_one_a_minute_then_the_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = FakeClock()
    trouble = Trouble("delivery fails", clock)
    for _ in range(130):
        trouble.failed("refused")
        clock.advance(1)
    trouble.mended("delivery works again")
    trouble.mended("delivery works again")
    assert caplog.messages == [
        "delivery fails: refused",
        "delivery fails (60 times in 60 s): refused",
        "delivery fails (60 times in 60 s): refused",
        "delivery works again (failures before: 130)",
    ]


def test_success_without_trouble_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Trouble("delivery fails", FakeClock()).mended("delivery works again")
    assert caplog.messages == []


def test_coming_and_going_is_no_way_around_the_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = FakeClock()
    trouble = Trouble("fails", clock)
    for _ in range(61):
        trouble.failed("x")
        trouble.mended("works")
        clock.advance(1)
    assert caplog.messages == [
        "fails: x",
        "works (failures before: 1)",
        "fails (60 times in 60 s): x",
        "works (failures before: 60)",
    ]


def test_a_reason_from_outside_stays_on_one_line_and_short(caplog: pytest.LogCaptureFixture) -> None:
    Trouble("fails", FakeClock()).failed("bad\n\x1b[31mred\r" + "x" * 10_000)
    (line,) = caplog.messages
    assert line.startswith("fails: bad  [31mred x")
    assert line.isprintable()
    assert len(line) < 400
