"""A store and a client of an endpoint over it, for every test of the central endpoint."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from ingest_samples import client_of, events, open_store, rows

from ingest.store import sqlite_file
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


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """The file of a store that holds a thousand events and was closed."""
    store = open_store(tmp_path)
    await store.append(rows(*events(range(1, 1001))))
    await store.aclose()
    return tmp_path / sqlite_file.FILE
