"""What was not used is saved up, to a bound."""

from fakes import FakeClock

from collectors.allowance import Allowance


def test_the_burst_is_there_at_once_and_comes_back_with_time() -> None:
    clock = FakeClock()
    allowance = Allowance(per_second=10, burst=100, clock=clock)
    assert allowance.take(100)
    assert not allowance.take(1)
    clock.advance(2)
    assert not allowance.take(21)
    assert allowance.take(20)


def test_what_is_refused_costs_nothing() -> None:
    allowance = Allowance(per_second=1, burst=10, clock=FakeClock())
    assert not allowance.take(11)
    assert allowance.take(10)


def test_no_more_is_saved_than_the_burst() -> None:
    clock = FakeClock()
    allowance = Allowance(per_second=10, burst=100, clock=clock)
    clock.advance(3600)
    assert allowance.take(100)
    assert not allowance.take(1)


def test_another_limit_holds_from_now_on() -> None:
    clock = FakeClock()
    allowance = Allowance(per_second=10, burst=100, clock=clock)
    clock.advance(5)
    allowance.limit(per_second=1, burst=20, left=-2)
    assert not allowance.take(0)
    clock.advance(3)
    assert allowance.take(1)
    assert not allowance.take(0.1)
