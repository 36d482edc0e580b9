"""The moments until which what may wait does."""

import pytest

from sensor.model.clock import until_together


@pytest.mark.parametrize(("now", "seconds"), [(12.05, 0.05), (12.03, 0.07), (12.0999, 0.0001)])
def test_who_rests_until_the_next_moment_meets_others(now: float, seconds: float) -> None:
    assert until_together(now) == pytest.approx(seconds, abs=1e-9)
