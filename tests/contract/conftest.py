"""What all shippers' tests need: a stand-in for AWS, and nothing of the machine's own proxies and AWS settings."""

import os
from collections.abc import Iterator

import pytest
from aws_server import AwsServer, aws_server


@pytest.fixture(scope="session")
def aws() -> Iterator[AwsServer]:
    """A stand-in for AWS, started when it is first asked for."""
    with aws_server() as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, and no variable of AWS."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("AWS_"):
            monkeypatch.delenv(name)
