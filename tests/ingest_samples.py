"""Batches as sensors send them, and an ingest under httpx, for the tests of the central endpoint."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgpack
from fakes import FakeClock

from ingest.config import Settings
from ingest.server import Endpoint
from ingest.store.protocol import Store
from ingest.store.rows import Rows, prepare
from ingest.store.sqlite import Retention, SqliteStore
from sensor.model.clock import Clock
from sensor.model.codec import to_wire
from sensor.model.events import Batch, Container, Event, Evidence, Header, Process, Sensor, Task, Timestamp
from sensor.model.kinds import Kind, Lane

WRITE_TOKEN, READ_TOKEN = "write-token-of-tests", "read-token-of-tests"
WRITING = {"Authorization": f"Bearer {WRITE_TOKEN}", "Content-Type": "application/msgpack"}
READING = {"Authorization": f"Bearer {READ_TOKEN}"}

NOON = Timestamp(1_700_000_000_000_000_000)
GIB = 1024**3
APP = Container("c1", "app", "repo/app:1")

Reopen = Callable[..., Any]
"""`await reopen(**limits)` gives the store as a new process would find it; the one before is closed."""


def header(
    task: str = "t1", sensor: str = "s1", epoch: str = "e1", version: str = "0.1.0", family: str | None = None
) -> Header:
    """The header of a sensor in an ECS task."""
    arn = f"arn:aws:ecs:eu-west-1:123456789012:task/cluster/{task}"
    return Header(Sensor(sensor, epoch, version), Task("ecs-fargate", arn=arn, family=family))


def event(seq: int, kind: Kind = Kind.PROCESS_EXEC, **fields: Any) -> Event:
    """An event `seq` seconds after noon; other fields as given."""
    given = {"lane": Lane.ORDINARY, "time": Timestamp(NOON + seq * 10**9), "evidence": Evidence("cursor")} | fields
    return Event(kind=kind, seq=seq, **given)


def process(name: str, pid: int = 1, **fields: Any) -> Process:
    """A process whose entity is its name."""
    return Process(entity=name, pid=pid, **fields)


def events(seqs: Iterable[int], **fields: Any) -> tuple[Event, ...]:
    return tuple(event(seq, **fields) for seq in seqs)


def rows(*given: Event, principal: str | None = None, **names: str) -> Rows:
    """A batch as stores take it."""
    return prepare(Batch(header(**names), given), principal, most_bytes=GIB)


def plain(*given: Event, **names: str) -> dict[str, Any]:
    """A batch as a plain dict, ready to be packed."""
    return {**to_wire(header(**names)), "events": [to_wire(e) for e in given]}


def packed(*given: Event, **names: str) -> bytes:
    """A batch as it stands in a request without compression."""
    return bytes(msgpack.packb(plain(*given, **names)))


def settings(**fields: Any) -> Settings:
    return Settings.model_validate({"write_token": WRITE_TOKEN, "read_token": READ_TOKEN} | fields)


def open_store(directory: Path, **fields: Any) -> SqliteStore:
    """An embedded store that keeps a gigabyte for thirty days, unless told otherwise."""
    clock = fields.pop("clock", None) or FakeClock()
    retention = Retention(fields.pop("days", 30), fields.pop("size", GIB))
    return SqliteStore.open(directory, retention, clock, **fields)


@asynccontextmanager
async def client_of(store: Store, clock: Clock | None = None, **fields: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an endpoint without a socket. A fault of ours comes as status 500, as it does for real clients."""
    endpoint = Endpoint(settings(**fields), store, clock)
    transport = httpx.ASGITransport(endpoint.app, raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
            yield client
    finally:
        await endpoint.aclose()


async def send(client: httpx.AsyncClient, *given: Event, **names: str) -> httpx.Response:
    """Send one batch."""
    return await client.post("/v1/batches", content=packed(*given, **names), headers=WRITING)
