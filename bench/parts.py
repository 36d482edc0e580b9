"""A benchmark in parts: all of them, or those that are named on its command line, in one lab."""

import argparse
from collections.abc import Callable, Mapping

from lab import Lab, temporary_lab
from machine import describe

Part = Callable[[Lab, float], None]
"""Measures, and prints a table. Is given how long to measure where that can be chosen, in seconds."""


def measure(about: str | None, parts: Mapping[str, Part]) -> int:
    """Measure what was asked for, all by default."""
    arguments = argparse.ArgumentParser(description=about)
    arguments.add_argument("--seconds", type=float, default=60, help="how long to idle or to append, each time (60)")
    arguments.add_argument("parts", nargs="*", choices=[*parts, []], help="what to measure (all)")
    given = arguments.parse_args()
    with temporary_lab() as lab:
        print(describe(lab.images.sensor))
        for name in given.parts or parts:
            parts[name](lab, given.seconds)
    return 0
