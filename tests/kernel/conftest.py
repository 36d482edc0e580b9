"""What kernel tests of tracing share."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from needs import Need
from trace_scene import Traced, tracing

from collectors.procfs import Procfs
from collectors.trace_probe import probe
from sensor.model.protocols import Status


@pytest.fixture
def may_trace(need: Need) -> None:
    found = probe(Procfs())
    need(found.status is Status.OK, f"tracing: {found.reason}")


@pytest_asyncio.fixture
async def traced(may_trace: None) -> AsyncIterator[Traced]:
    async with tracing() as scene:
        yield scene
