import asyncio
from pathlib import Path

import httpx
import pytest
from fakes import FakeClock
from ingest_samples import READING, WRITING, client_of, event, events, open_store, packed, rows, send

from ingest.store import sqlite_file
from ingest.store.errors import StoreUnavailable
from ingest.store.protocol import State, Store
from sensor.model.kinds import Kind

READ_ROUTES = ["/v1/tasks", "/v1/tasks/t/tree", "/v1/events", "/v1/stream"]
OPEN_ROUTES = ["/healthz", "/readyz", "/metrics"]


@pytest.mark.parametrize("path", READ_ROUTES)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": "Basic cmVhZC10b2tlbg=="}, 401),
        ({"Authorization": READING["Authorization"] + "x"}, 401),
        ({"Authorization": WRITING["Authorization"]}, 403),
    ],
)
async def test_reading_needs_the_read_token(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], status: int
) -> None:
    answer = await client.get(path, headers=headers)
    assert answer.status_code == status
    assert "read" in answer.json()["error"]
    assert answer.headers.get("www-authenticate", "").startswith("Bearer") == (status == 401)


@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"Authorization": "Bearer ä"}, 401), (READING, 403)])
async def test_writing_needs_the_write_token(
    client: httpx.AsyncClient, store: Store, headers: dict[str, str], status: int
) -> None:
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = await client.post("/v1/batches", content=packed(event(1)), headers=encoded)
    assert answer.status_code == status
    assert "write" in answer.json()["error"]
    assert (await store.state()).events == 0


async def test_the_scheme_may_be_written_in_any_case(client: httpx.AsyncClient) -> None:
    token = READING["Authorization"].removeprefix("Bearer ")
    assert (await client.get("/v1/tasks", headers={"Authorization": f"bearer {token}"})).status_code == 200


@pytest.mark.parametrize("path", OPEN_ROUTES)
async def test_probes_and_metrics_need_no_token(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200


async def test_a_store_that_cannot_be_written_is_not_ready_but_alive(tmp_path: Path) -> None:
    store = open_store(tmp_path / "closed")
    await store.aclose()
    async with client_of(store) as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["error"]) == (503, "the store is closed")
        assert (await client.get("/healthz")).status_code == 200
        assert "ingest_store_events NaN" in (await client.get("/metrics")).text


class CountingStore:
    """A store that is ready every other time, and counts its events as often as it is asked to."""

    looks = counts = 0

    async def check(self) -> None:
        self.looks += 1
        await asyncio.sleep(0)
        if self.looks % 2:
            raise StoreUnavailable("the store cannot write now")

    async def state(self) -> State:
        self.counts += 1
        await asyncio.sleep(0)
        return State(bytes=1, events=self.counts, tasks=1, oldest=1, latest=1)


async def test_the_store_is_asked_once_a_second_whether_it_is_ready() -> None:
    store, clock = CountingStore(), FakeClock()
    async with client_of(store, clock) as client:  # type: ignore[arg-type]  # only check is asked for
        for looks, status in ((1, 503), (2, 200), (3, 503)):
            answers = await asyncio.gather(*(client.get("/readyz") for _ in range(5)))
            assert ({each.status_code for each in answers}, store.looks) == ({status}, looks)
            clock.advance(0.9)
            assert (await client.get("/readyz")).status_code == status
            clock.advance(0.1)


async def test_the_events_are_counted_once_a_second_for_the_metrics() -> None:
    store, clock = CountingStore(), FakeClock()
    async with client_of(store, clock) as client:  # type: ignore[arg-type]  # only state is asked for
        for counts in (1, 2):
            answers = await asyncio.gather(*(client.get("/metrics") for _ in range(5)))
            assert store.counts == counts
            assert all(f"ingest_store_events {counts}.0" in each.text for each in answers)
            clock.advance(0.9)
            await client.get("/metrics")
            assert store.counts == counts
            clock.advance(0.1)


async def test_a_store_that_is_damaged_while_open_is_503(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await store.append(rows(event(1)))
    (tmp_path / f"{sqlite_file.FILE}-wal").write_bytes(b"")
    (tmp_path / sqlite_file.FILE).write_bytes(b"\xff" * 100_000)
    async with client_of(store) as client:
        answer = await client.get("/v1/events", headers=READING)
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("the store cannot be read now")
    await store.aclose()


async def test_metrics_count_what_happened(client: httpx.AsyncClient) -> None:
    await send(client, *events([1, 2]), event(3, Kind.DNS_QUERY))
    await send(client, *events([1, 2]))
    await client.post("/v1/batches", content=b"nonsense", headers=WRITING)
    await client.get("/v1/events", headers=READING)
    lines = set((await client.get("/metrics")).text.splitlines())
    size = len(packed(*events([1, 2]), event(3, Kind.DNS_QUERY))) + len(packed(*events([1, 2]))) + len(b"nonsense")
    assert lines >= {
        'ingest_batches_total{status="202"} 2.0',
        'ingest_batches_total{status="400"} 1.0',
        'ingest_events_total{kind="process.exec"} 4.0',
        'ingest_events_total{kind="dns.query"} 1.0',
        "ingest_duplicates_total 2.0",
        f'ingest_bytes_total{{form="sent"}} {float(size)}',
        "ingest_store_events 3.0",
        "ingest_store_tasks 1.0",
        "ingest_streams 0.0",
        'ingest_request_seconds_count{route="events"} 1.0',
        'ingest_request_seconds_count{route="batches"} 3.0',
    }
    assert any(line.startswith("ingest_store_bytes ") and not line.endswith(" 0.0") for line in lines)


async def test_two_endpoints_in_one_process_count_for_themselves(tmp_path: Path, client: httpx.AsyncClient) -> None:
    await send(client, event(1))
    other = open_store(tmp_path / "other")
    async with client_of(other) as second:
        assert 'ingest_batches_total{status="202"}' not in (await second.get("/metrics")).text
    await other.aclose()


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/nothing", "/healthz", "/v1/events?limit=x", "/metrics"])
async def test_answers_carry_strict_headers(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers=READING)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_what_is_not_there_is_404_and_json(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/nothing")
    assert (answer.status_code, answer.json()) == (404, {"error": "there is no /v1/nothing"})


async def test_a_wrong_method_is_405_and_json(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/batches")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json() == {"error": "GET is not possible here"}


class FaultyStore:
    """A store with a fault of our own making."""

    async def tasks(self, *_: object) -> None:
        raise RuntimeError("a secret detail")


async def test_a_fault_of_ours_tells_clients_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    async with client_of(FaultyStore()) as client:  # type: ignore[arg-type]  # it is wrong on purpose
        answer = await client.get("/v1/tasks", headers=READING)
    assert answer.status_code == 500
    assert answer.json() == {"error": "the ingest failed on this request; its log says why"}
    assert "GET /v1/tasks failed: RuntimeError" in caplog.text


async def test_the_console_is_served(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
