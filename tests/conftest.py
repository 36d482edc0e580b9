"""What all tiers share."""

import os
import signal

import pytest
from needs import Need


def pytest_configure() -> None:
    """What a shell starts in the background ignores SIGINT, and so would all that the tests start and interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def need() -> Need:
    """`need(condition, reason)`: without the condition the test is skipped on a laptop and fails in CI."""

    def check(condition: bool, reason: str) -> None:
        if condition:
            return
        if os.environ.get("CI"):
            pytest.fail(f"needed in CI: {reason}")
        pytest.skip(reason)

    return check
