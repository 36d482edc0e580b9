"""What was measured in turns: each against what was measured beside it, so that the machine's moods fall on both."""

from collections.abc import Callable, Sequence
from math import comb
from statistics import median
from typing import TypeVar

T = TypeVar("T")


def without_and_with(run: Callable[..., T], times: int) -> list[tuple[T, T]]:
    """Pairs of runs, `watched` or not, in turns: neither is always the first."""
    found = []
    for number in range(times):
        runs = {watched: run(watched=watched) for watched in ((False, True) if number % 2 == 0 else (True, False))}
        found.append((runs[False], runs[True]))
    return found


def ratios(values: Sequence[float], base: Sequence[float]) -> tuple[float, float, float]:
    """Each divided by its neighbour in `base`: the median, and the bounds that it lies within in 95 of 100 cases."""
    found = sorted(one / other for one, other in zip(values, base, strict=True))
    outside = _ranks_outside(len(found))
    return median(found), found[outside], found[-1 - outside]


def _ranks_outside(count: int) -> int:
    """How many values at either end lie outside of the median's interval (sign test): none of fewer than nine."""
    outside, chance = 0, 0.5**count
    while chance + comb(count, outside + 1) * 0.5**count <= 0.025:
        outside += 1
        chance += comb(count, outside) * 0.5**count
    return outside
