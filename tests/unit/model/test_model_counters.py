"""Counts that only grow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.model.counters import Counters, catch_rate
from sensor.model.errors import RetryableError, WrongConfiguration


def test_what_was_seen_and_what_was_lost_stay_apart() -> None:
    counters = Counters()
    counters.add("process.exec")
    counters.add("process.exec", 2)
    counters.lost("queue_full")
    counters.lost("queue_full", 4)
    assert (counters.seen, counters.losses) == ({"process.exec": 3}, {"queue_full": 5})


@pytest.mark.parametrize(
    ("seen", "unexplained", "rate"),
    [(0, 0, None), (5, 0, 1.0), (0, 5, 0.0), (738, 12, 0.984), (2, 1, 0.6666), (99_999, 1, 0.9999)],
)
def test_the_catch_rate_is_the_least_share(seen: int, unexplained: int, rate: float | None) -> None:
    assert catch_rate(seen, unexplained) == rate


@given(st.integers(0, 2**63), st.integers(1, 2**63))
def test_a_catch_rate_never_claims_too_much(seen: int, unexplained: int) -> None:
    rate = catch_rate(seen, unexplained)
    assert rate is not None
    assert 0 <= round(rate * 10_000) * (seen + unexplained) <= seen * 10_000


def test_errors_carry_what_their_handlers_need() -> None:
    assert RetryableError("busy", 3.5).retry_after == 3.5
    wrong = WrongConfiguration(["a: missing", "b: not a number"])
    assert wrong.problems == ("a: missing", "b: not a number")
    assert str(wrong) == "a: missing; b: not a number"
