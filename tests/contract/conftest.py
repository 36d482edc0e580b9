"""What the tests of all shippers and of all stores need."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from ingest_samples import Reopen, open_store

from ingest.store.protocol import Store

STORES = {"sqlite": open_store}


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, and no variable of AWS."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("AWS_"):
            monkeypatch.delenv(name)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=STORES)
async def reopen(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Reopen]:
    opened: list[Store] = []

    async def again(**limits: Any) -> Store:
        for store in opened:
            await store.aclose()
        opened.append(STORES[request.param](tmp_path / "store", clock=clock, **limits))
        return opened[-1]

    yield again
    for store in opened:
        await store.aclose()


@pytest.fixture
async def store(reopen: Reopen) -> Store:
    return await reopen()
