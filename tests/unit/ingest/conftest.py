"""A store and a client of an endpoint over it, for every test of the central endpoint."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from ingest_samples import client_of, open_store

from ingest.store.protocol import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(tmp_path / "store")
    yield opened
    await opened.aclose()


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(store) as opened:
        yield opened
