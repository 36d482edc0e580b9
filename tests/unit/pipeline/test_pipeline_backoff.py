"""Waits that grow, jittered in full, and a destination's own wish obeyed within reason."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from sensor.pipeline.backoff import Backoff, pause


def upper(_low: float, high: float) -> float:
    return high


def lower(low: float, _high: float) -> float:
    return low


def test_the_bound_doubles_up_to_the_longest_and_starts_again() -> None:
    backoff = Backoff(first=0.5, longest=5.0, uniform=upper)
    assert [backoff.next() for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.next() == 0.5


def test_the_jitter_is_full() -> None:
    backoff = Backoff(uniform=lower)
    assert [backoff.next() for _ in range(3)] == [0, 0, 0]


@given(st.integers(0, 100))
def test_by_default_no_wait_is_longer_than_half_a_minute(failures: int) -> None:
    backoff = Backoff()
    for _ in range(failures):
        backoff.next()
    assert 0 <= backoff.next() <= 30


def test_what_the_destination_asks_for_is_obeyed_up_to_a_bound() -> None:
    backoff = Backoff(first=0.5, longest_asked=300.0, uniform=upper)
    assert [backoff.next(asked) for asked in (0.0, 7.0, 86_400.0)] == [0.5, 7.5, 300.5]
    assert [backoff.next(asked) for asked in (0.0, 7.0, 0.0)] == [4.0, 8.0, 16.0], "less than our own wait is not"


async def test_a_pause_ends_with_its_time_or_its_event() -> None:
    never, now = asyncio.Event(), asyncio.Event()
    now.set()
    await pause(0.01, never)
    await pause(3600, now)
    await pause(None, now)
    assert not never.is_set()
