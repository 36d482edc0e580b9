"""What a test needs of the machine it runs on."""

from collections.abc import Callable

Need = Callable[[bool, str], None]
"""The fixture `need`: `need(condition, reason)` skips on a laptop and fails in CI where the condition is false."""

NeedKernel = Callable[[int, int, str], None]
"""The fixture `need_kernel`: `need_kernel(major, minor, reason)` skips with an older Linux, in CI too."""
