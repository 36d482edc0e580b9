"""What all tiers share."""

import os

import pytest
from needs import Need


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
