"""Nanoseconds to text and back without losing one."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensor.model.clock import SystemClock
from sensor.model.errors import MalformedEvent
from sensor.model.times import from_rfc3339, in_range, to_rfc3339

LAST = 253_402_300_800 * 10**9 - 1
"""The last nanosecond of the year 9999."""


@given(st.integers(0, LAST))
@example(0)
@example(LAST)
def test_text_and_back_to_the_nanosecond(ns: int) -> None:
    assert from_rfc3339(to_rfc3339(ns)) == ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("2000-02-29T12:00:00.000000001Z", 951_825_600_000_000_001),
    ],
)
def test_fewer_decimals_are_read(text: str, ns: int) -> None:
    assert from_rfc3339(text) == ns


@pytest.mark.parametrize(
    "text",
    [
        "2001-02-29T00:00:00Z",
        "2000-01-01T24:00:00Z",
        "2000-01-01T00:00:00",
        "2000-01-01T00:00:00+01:00",
        "2000-01-01T00:00:00.0000000001Z",
        "2000-01-01T00:00:00Z\n",
        "٢٠٠٠-01-01T00:00:00Z",
        "",
        17,
        None,
    ],
)
def test_other_texts_are_refused_with_their_place(text: object) -> None:
    with pytest.raises(MalformedEvent, match=r"^event\.time: "):
        from_rfc3339(text, "event.time")


def test_the_range_is_what_has_a_text() -> None:
    assert [in_range(ns) for ns in (-1, 0, LAST, LAST + 1)] == [False, True, True, False]


def test_the_system_clock_goes_forward() -> None:
    clock = SystemClock()
    assert in_range(clock.wall())
    assert clock.monotonic() <= clock.monotonic()
