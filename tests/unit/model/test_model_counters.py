"""Counts that only grow."""

from sensor.model.counters import Counters
from sensor.model.errors import RetryableError, WrongConfiguration


def test_what_was_seen_and_what_was_lost_stay_apart() -> None:
    counters = Counters()
    counters.add("process.exec")
    counters.add("process.exec", 2)
    counters.lost("queue_full")
    counters.lost("queue_full", 4)
    assert (counters.seen, counters.losses) == ({"process.exec": 3}, {"queue_full": 5})


def test_errors_carry_what_their_handlers_need() -> None:
    assert RetryableError("busy", 3.5).retry_after == 3.5
    wrong = WrongConfiguration(["a: missing", "b: not a number"])
    assert wrong.problems == ("a: missing", "b: not a number")
    assert str(wrong) == "a: missing; b: not a number"
