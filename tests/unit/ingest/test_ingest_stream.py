import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from fakes import FakeClock
from ingest_samples import READ_TOKEN, READING, event, events, open_store, process, rows, settings
from ingest_served import DEADLINE, served
from starlette.applications import Starlette
from starlette.routing import Route

from ingest.config import Address
from ingest.metrics import Metrics
from ingest.server import Endpoint
from ingest.store import sqlite_search
from ingest.store.protocol import Page, Query, Store
from ingest.stream import Streams
from sensor.model.kinds import Kind


class Message(NamedTuple):
    event: str
    id: str
    data: str

    @property
    def seq(self) -> int:
        return int(json.loads(self.data)["seq"])


@asynccontextmanager
async def endpoint(store: Store, **fields: object) -> AsyncIterator[Address]:
    made = Endpoint(settings(**fields), store)
    async with served(made.app, made.close_streams) as address:
        yield address


def client_at(address: Address) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://{address}", timeout=DEADLINE, trust_env=False)


@asynccontextmanager
async def streaming(address: Address, query: str = "", **headers: str) -> AsyncIterator[AsyncIterator[Message]]:
    """The messages of a stream that has begun."""
    async with client_at(address) as client:
        sent = READING | {name.replace("_", "-"): value for name, value in headers.items()}
        async with client.stream("GET", f"/v1/stream{query}", headers=sent) as answer:
            assert answer.status_code == 200, await answer.aread()
            lines = answer.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            assert await anext(lines) == ": connected"
            yield messages(lines)


async def messages(lines: AsyncIterator[str]) -> AsyncIterator[Message]:
    fields = {"event": "message", "id": "", "data": ""}
    async for line in lines:
        if not line:
            if fields["data"]:
                yield Message(**fields)
            fields |= {"event": "message", "data": ""}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


async def take(stream: AsyncIterator[Message], number: int) -> list[Message]:
    return [await anext(stream) for _ in range(number)]


async def test_new_events_come_as_they_are_stored(store: Store) -> None:
    await store.append(rows(event(1)))
    async with endpoint(store) as address, streaming(address) as stream:
        await store.append(rows(*events([2, 3])))
        got = await take(stream, 2)
        await store.append(rows(event(4)))
        got += await take(stream, 1)
    assert [each.seq for each in got] == [2, 3, 4]
    assert {each.event for each in got} == {"message"}
    assert json.loads(got[0].data)["id"] == "s1/e1/ordinary/2"


async def test_filters_apply(store: Store) -> None:
    async with endpoint(store) as address, streaming(address, "?kind=dns&task=t1") as stream:
        await store.append(rows(event(1), event(2, Kind.DNS_QUERY)))
        await store.append(rows(event(1, Kind.DNS_QUERY), task="t2", sensor="s2"))
        await store.append(rows(event(3, Kind.DNS_QUERY)))
        assert [each.seq for each in await take(stream, 2)] == [2, 3]


async def test_a_client_resumes_where_it_was_without_a_gap(store: Store) -> None:
    async with endpoint(store) as address:
        async with streaming(address) as stream:
            await store.append(rows(*events(range(1, 4))))
            first = await take(stream, 2)
        await store.append(rows(*events(range(4, 1000))))
        async with streaming(address, last_event_id=first[-1].id) as stream:
            await store.append(rows(*events(range(1000, 1003))))
            rest = await take(stream, 1000)
    assert [each.seq for each in first + rest] == list(range(1, 1003))


async def test_however_much_a_client_resumes_nothing_is_skipped(store: Store) -> None:
    await store.append(rows(*events(range(1, 1500))))
    async with endpoint(store, stream_lag=100) as address, streaming(address, last_event_id="0") as stream:
        assert [each.seq for each in await take(stream, 1499)] == list(range(1, 1500))


async def test_a_client_is_told_what_is_no_longer_stored(tmp_path: Path) -> None:
    clock = FakeClock()
    store = open_store(tmp_path / "aging", clock=clock, days=1)
    await store.append(rows(*events(range(1, 11))))
    clock.advance(2 * 86400)
    await store.append(rows(event(11)))
    await store.retain()
    async with endpoint(store) as address, streaming(address, last_event_id="4") as stream:
        lost, first = await take(stream, 2)
    assert (lost.event, lost.data) == ("lost", "6")
    assert first.seq == 11
    await store.aclose()


@pytest.mark.parametrize(("query", "left"), [("", range(501, 901)), ("?kind=dns", [900])])
async def test_a_client_that_resumes_is_told_what_is_deleted_before_it_comes_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str, left: Sequence[int]
) -> None:
    clock = FakeClock()
    store = open_store(tmp_path / "aging", clock=clock, days=1)
    await store.append(rows(*events(range(1, 201), kind=Kind.DNS_QUERY), *events(range(201, 501))))
    clock.advance(2 * 86400)
    await store.append(rows(*events(range(501, 900)), event(900, Kind.DNS_QUERY)))
    plainly = store.events

    async def then_retain(asked: Query) -> Page:
        page = await plainly(asked._replace(limit=100 if query else asked.limit))
        await store.retain()
        return page

    monkeypatch.setattr(store, "events", then_retain)
    streams = Streams(store, Metrics(), most=1, lag=100)
    app = Starlette(routes=[Route("/v1/stream", streams.get)])  # no endpoint: it would delete before anybody asks
    async with served(app, streams.close) as address, streaming(address, query, last_event_id="0") as stream:
        first = await take(stream, 100 if query else 200)
        lost, *rest = await take(stream, 1 + len(left))
    assert [each.seq for each in first] == list(range(1, len(first) + 1))
    assert (lost.event, lost.id, lost.data) == ("lost", "500", str(500 - len(first)))
    assert [each.seq for each in rest] == list(left)
    await store.aclose()


async def test_an_id_of_another_store_goes_to_the_end_and_says_so(store: Store) -> None:
    await store.append(rows(*events(range(1, 4))))
    async with endpoint(store) as address, streaming(address, last_event_id="1000000") as stream:
        (lost,) = await take(stream, 1)
        await store.append(rows(event(4)))
        (new,) = await take(stream, 1)
    assert (lost.event, lost.data, new.seq) == ("lost", "3", 4)


def connect_slowly(address: Address) -> socket.socket:
    """A client that has asked for the stream, and whose kernel holds little for it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    client.connect(address)
    client.sendall(f"GET /v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {READ_TOKEN}\r\n\r\n".encode())
    client.setblocking(False)
    return client


async def read_to(client: socket.socket, end: str) -> str:
    """What comes up to and with the line that holds `end`."""
    received = bytearray()
    while (at := received.find(end.encode(), max(0, len(received) - 1_100_000))) < 0 or b"\n\n" not in received[at:]:
        chunk = await asyncio.get_running_loop().sock_recv(client, 1_000_000)
        assert chunk, "the stream ended"
        received += chunk
    return received.decode()


async def test_a_slow_client_is_told_how_much_it_lost(store: Store) -> None:
    """It stops reading, 40 MB go by, it reads on: what it got and what it was told to have lost make up all of them."""
    large, total = process("p", args=("x" * 4000,)), 10_000
    async with endpoint(store, stream_lag=500) as address:
        with connect_slowly(address) as client:
            body = await read_to(client, "connected")
            for first in range(1, total + 1, 500):
                await store.append(rows(*events(range(first, first + 500), process=large)))
            body += await read_to(client, f"id: {total}\n")  # the end: as an event, or as the place it was moved to
            await store.append(rows(event(total + 1)))
            body += await read_to(client, f'"id":"s1/e1/ordinary/{total + 1}"')
    lost = sum(int(number) for number in re.findall(r"event: lost\nid: \d+\ndata: (\d+)\n", body))
    assert lost > 500
    assert body.count('"id":"s1/e1/') + lost == total + 1


async def test_a_quiet_stream_says_that_it_lives_and_brings_the_cursor_along(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    news, waited = store.news, list[float]()

    async def waiting(cursor: int, seconds: float) -> int:
        waited.append(seconds)
        return await news(cursor, seconds)

    monkeypatch.setattr(store, "news", waiting)
    streams = Streams(store, Metrics(), most=1, lag=100, quiet_s=0.05)
    app = Starlette(routes=[Route("/v1/stream", streams.get)])
    async with (
        served(app, streams.close) as address,
        client_at(address) as client,
        client.stream("GET", "/v1/stream?kind=dns") as answer,
    ):
        lines = answer.aiter_lines()
        assert "id: 0" in [await anext(lines) for _ in range(4)]
        await store.append(rows(event(1)))
        while (line := await anext(lines)) != "id: 1":
            assert line in {"", ": nothing new", "id: 0"}
    assert 0.05 in waited, "nothing is said before the quiet time has passed"


async def test_a_stream_that_finds_nothing_for_long_says_how_far_it_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_search, "WINDOW", 10)
    monkeypatch.setattr(sqlite_search, "search", partial(sqlite_search.search, seconds=0))
    await store.append(rows(*events(range(1, 31))))
    async with (
        endpoint(store) as address,
        client_at(address) as client,
        client.stream("GET", "/v1/stream?kind=dns", headers=READING | {"Last-Event-ID": "0"}) as answer,
    ):
        lines = answer.aiter_lines()
        told = [await anext(lines) for _ in range(10)]
    assert [line for line in told if line.startswith("id")] == ["id: 0", "id: 10", "id: 20"]


async def test_streams_end_at_once_when_the_endpoint_does(store: Store) -> None:
    made = Endpoint(settings(), store)
    async with served(made.app, made.close_streams) as address, streaming(address) as stream:
        made.close_streams()
        assert [each async for each in stream] == []


async def test_there_is_a_bound_on_streams_and_a_place_is_freed(store: Store) -> None:
    async with endpoint(store, max_streams=1) as address, client_at(address) as client:
        async with streaming(address):
            refused = await client.get("/v1/stream", headers=READING)
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) > 0
            assert "ingest_streams 1.0" in (await client.get("/metrics")).text
        while "ingest_streams 0.0" not in (await client.get("/metrics")).text:
            pass  # each turn is a request; the deadline of the endpoint bounds them
        async with streaming(address):
            pass


async def test_who_asks_for_the_head_of_a_stream_holds_none_open(store: Store) -> None:
    async with endpoint(store) as address, client_at(address) as client:
        answer = await client.head("/v1/stream", headers=READING)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert "ingest_streams 0.0" in (await client.get("/metrics")).text


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "9" * 30])
async def test_an_id_that_is_none_of_ours_is_refused(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/v1/stream", headers=READING | {"Last-Event-ID": given})
    assert answer.status_code == 400
    assert "Last-Event-ID" in answer.json()["error"]


async def test_wrong_filters_are_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/stream?limit=5&kind=nonsense", headers=READING)
    assert answer.status_code == 400
    assert "limit" in answer.json()["error"]
    assert "nonsense" in answer.json()["error"]
