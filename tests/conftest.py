"""What all tiers share."""

import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from needs import Need, NeedKernel, kernel

if TYPE_CHECKING:
    from aws_server import AwsServer


def pytest_configure() -> None:
    """What a shell starts in the background ignores SIGINT, and so would all that the tests start and interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def need() -> Need:
    """`need(condition, reason)`: without the condition the test is skipped on a laptop and fails in CI.

    A kernel that is too old is for `need_kernel`: nobody can install another.
    """

    def check(condition: bool, reason: str) -> None:
        if condition:
            return
        if os.environ.get("CI"):
            pytest.fail(f"needed in CI: {reason}")
        pytest.skip(reason)

    return check


@pytest.fixture(scope="session")
def need_kernel() -> NeedKernel:
    """`need_kernel(6, 14, reason)`: with an older Linux the test is skipped, in CI as well."""

    def check(major: int, minor: int, reason: str) -> None:
        if kernel() < (major, minor):
            pytest.skip(f"Linux {major}.{minor}: {reason}")

    return check


@pytest.fixture
def no_pidfds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PIDs are made up; none of them may be looked for among the real ones."""

    def refuse(pid: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", refuse)


@pytest.fixture(scope="session")
def aws() -> "Iterator[AwsServer]":
    """A stand-in for AWS, started when it is first asked for."""
    from aws_server import aws_server  # boto3 takes a second, which most runs need not spend

    with aws_server() as server:
        yield server
