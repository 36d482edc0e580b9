"""What a test needs of the machine it runs on."""

import os
from collections.abc import Callable

Need = Callable[[bool, str], None]
"""The fixture `need`: `need(condition, reason)` skips on a laptop and fails in CI where the condition is false."""

NeedKernel = Callable[[int, int, str], None]
"""The fixture `need_kernel`: `need_kernel(major, minor, reason)` skips with an older Linux, in CI too."""


def kernel() -> tuple[int, ...]:
    """Its version, as far as it decides what can be tried."""
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
