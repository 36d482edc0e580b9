import asyncio
import gzip
import json
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import event_strategies
import httpx
import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingest_samples import (
    NOON,
    READING,
    WRITE_TOKEN,
    WRITING,
    client_of,
    event,
    events,
    open_store,
    packed,
    plain,
    process,
    rows,
    send,
)

from ingest.store.errors import StoreUnavailable
from ingest.store.protocol import Appended, Store
from ingest.store.rows import Rows
from ingest.store.sqlite import SqliteStore
from sensor.containers import pod_labels
from sensor.model.codec import to_wire
from sensor.model.events import Health
from sensor.model.kinds import Kind

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIB = 1024 * 1024


async def post(client: httpx.AsyncClient, content: bytes | AsyncIterator[bytes], **headers: str) -> httpx.Response:
    changed = httpx.Headers(WRITING)
    changed.update({name.replace("_", "-"): value for name, value in headers.items()})
    return await client.post("/v1/batches", content=content, headers=changed)


async def stored(store: Store) -> int:
    return (await store.state()).events


@pytest.mark.parametrize(
    ("coding", "compress"),
    [("identity", bytes), ("gzip", gzip.compress), ("zstd", zstd.compress), ("ZSTD", zstd.compress)],
)
async def test_each_coding_is_understood(client: httpx.AsyncClient, store: Store, coding: str, compress) -> None:
    answer = await post(client, compress(packed(*events([1, 2, 3]))), content_encoding=coding)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 3, "duplicates": 0})
    assert await stored(store) == 3


@pytest.mark.parametrize("name", ["application/msgpack", "application/x-msgpack", "Application/vnd.msgpack; v=1"])
async def test_each_name_of_msgpack_is_understood(client: httpx.AsyncClient, name: str) -> None:
    assert (await post(client, packed(event(1)), content_type=name)).status_code == 202


async def test_what_is_sent_again_is_counted_as_duplicate(client: httpx.AsyncClient) -> None:
    assert (await send(client, *events([1, 2, 2]))).json() == {"accepted": 2, "duplicates": 1}
    assert (await send(client, *events([2, 3]))).json() == {"accepted": 1, "duplicates": 1}


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({"content_type": "application/json"}, "application/json"),
        ({"content_type": ""}, "Content-Type"),
        ({"content_encoding": "br"}, "'br'"),
        ({"content_encoding": "gzip, zstd"}, "gzip, zstd"),
    ],
)
async def test_other_types_and_codings_are_refused(
    client: httpx.AsyncClient, headers: dict[str, str], word: str
) -> None:
    answer = await post(client, packed(event(1)), **headers)
    assert answer.status_code == 415
    assert word in answer.json()["error"]


BROKEN = {
    "nothing": (b"", "identity", "incomplete input"),
    "no msgpack": (b"\xc1", "identity", "no msgpack of ours"),
    "cut short": (packed(event(1))[:-1], "identity", "incomplete input"),
    "followed by more": (packed(event(1)) + b"\x01", "identity", "extra data"),
    "no map": (msgpack.packb([1]), "identity", "expected a map"),
    "invalid UTF-8": (b"\x81\xa1\xff\x01", "identity", "utf-8"),
    "an extension": (msgpack.packb({"schema": 1, "x": msgpack.ExtType(5, b"")}), "identity", "extension type 5"),
    "a time extension": (msgpack.packb({"schema": msgpack.Timestamp(1)}), "identity", "exceeds max_ext_len"),
    "deep nesting": (b"\x91" * 5000 + b"\x01", "identity", "no msgpack of ours"),
    "a huge list claimed": (b"\xdd\xff\xff\xff\xff", "identity", "exceeds max_array_len"),
    "a later schema": (msgpack.packb(plain(event(1)) | {"schema": 99}), "identity", "99"),
    "a schema that is no integer": (msgpack.packb(plain(event(1)) | {"schema": 1.0}), "identity", "schema"),
    "no sensor": (msgpack.packb({"schema": 1, "events": []}), "identity", "batch.sensor: missing"),
    "an empty sensor id": (packed(event(1), sensor=""), "identity", "batch.sensor.id"),
    "an empty epoch": (packed(event(1), epoch=""), "identity", "batch.sensor.epoch"),
    "a task without a name": (packed(event(1), task=""), "identity", "the name of the task"),
    "a name with a newline": (packed(event(1), sensor="new\nline"), "identity", "not printable"),
    "an endless name": (packed(event(1), epoch="e" * 1000), "identity", "1 to 512 characters"),
    "an endless header": (packed(event(1), family="f" * 17_000), "identity", "batch: the header has 17"),
    "an endless version": (packed(event(1), version="v" * 513), "identity", "batch.sensor.version: may have 512"),
    "no sequence number": (packed(event(1), event(0)), "identity", "batch.events[1].seq"),
    "a sequence number too large": (packed(event(2**63, time=NOON)), "identity", "batch.events[0].seq"),
    "a bad second event": (
        msgpack.packb(plain(event(1)) | {"events": [plain(event(1))["events"][0], {"kind": "nonsense"}]}),
        "identity",
        "batch.events[1]",
    ),
    "an event too large": (
        packed(event(1), event(2, process=process("p", args=("\1" * 400_000,)))),
        "identity",
        "batch.events[1]: has 24",
    ),
    "no gzip": (packed(event(1)), "gzip", "no gzip"),
    "half a gzip": (gzip.compress(packed(event(1)))[:-9], "gzip", "cut short"),
    "two gzips": (gzip.compress(packed(event(1))) * 2, "gzip", "follow the end"),
    "no zstd": (packed(event(1)), "zstd", "no zstd"),
    "half a zstd": (zstd.compress(random.Random(1).randbytes(5000))[:-100], "zstd", "cut short"),
    "more behind zstd": (zstd.compress(packed(event(1))) + b"more", "zstd", "follow the end"),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_a_malformed_batch_is_refused_whole_with_its_reason(
    client: httpx.AsyncClient, store: Store, what: str
) -> None:
    body, coding, reason = BROKEN[what]
    answer = await post(client, body, content_encoding=coding)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert await stored(store) == 0


async def test_numbers_of_more_than_64_bits_of_sqlite_do_no_harm(client: httpx.AsyncClient, store: Store) -> None:
    odd = event(1, process=process("p", pid=2**64 - 1, uid=-(2**63)))
    beat = event(2, Kind.SENSOR_HEARTBEAT, health=Health(1.0, 1.0, unexplained=-5, losses={"a": 2**64 - 1}))
    assert (await send(client, odd, beat)).status_code == 202
    assert (await client.get("/v1/tasks", headers=READING)).status_code == 200


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
async def test_a_bomb_is_refused(client: httpx.AsyncClient, store: Store, coding: str, compress) -> None:
    bomb = compress(bytes(64 * MIB))
    assert len(bomb) < MIB
    answer = await post(client, bomb, content_encoding=coding)
    assert answer.status_code == 413
    assert "decompressed" in answer.json()["error"]


async def test_a_zstd_frame_that_asks_for_a_huge_window_is_refused(client: httpx.AsyncClient) -> None:
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.content_size_flag: 0}
    compressor = zstd.ZstdCompressor(options=options)
    frame = compressor.compress(bytes(MIB)) + compressor.flush()
    answer = await post(client, frame, content_encoding="zstd")
    assert answer.status_code == 400
    assert "no zstd" in answer.json()["error"]


async def test_a_batch_of_very_many_maps_is_refused(client: httpx.AsyncClient) -> None:
    row = msgpack.packb([{}] * 20_000)
    body = b"\x82\xa6schema\x01\xa1x" + b"\xdc" + (30).to_bytes(2, "big") + row * 30
    answer = await post(client, body)
    assert answer.status_code == 400
    assert "maps and lists" in answer.json()["error"]


async def test_a_body_that_says_it_is_too_long_is_not_read(client: httpx.AsyncClient) -> None:
    read = []

    async def chunks() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"x"

    answer = await post(client, chunks(), content_length=str(9 * MIB))
    assert (answer.status_code, read) == (413, [])


async def test_a_body_that_grows_too_long_is_not_read_to_its_end(client: httpx.AsyncClient) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += MIB
            yield bytes(MIB)

    answer = await post(client, chunks())
    assert answer.status_code == 413
    assert sent < 12 * MIB


async def test_a_batch_over_the_plain_limit_is_refused_without_compression_too(store: Store) -> None:
    async with client_of(store, max_batch_bytes=100_000) as client:
        large = events(range(1, 2000))
        assert (await send(client, *large)).status_code == 413
        assert (await post(client, zstd.compress(packed(*large)), content_encoding="zstd")).status_code == 413


async def test_a_header_that_events_repeat_cannot_make_more_of_a_batch_than_a_few_times_its_limit(store: Store) -> None:
    async with client_of(store, max_batch_bytes=100_000) as client:
        answer = await send(client, *events(range(1, 100)), family="f" * 10_000)
        assert answer.status_code == 400
        assert "all may have 400000: send fewer at once" in answer.json()["error"]
        assert (await send(client, *events(range(1, 30)), family="f" * 10_000)).status_code == 202


async def test_a_pod_with_all_the_labels_that_a_sensor_tells_fits(client: httpx.AsyncClient) -> None:
    labels = {f"example.org/{n:060}": "x" * 63 for n in range(28)}
    assert 3900 < len(json.dumps(labels)) <= pod_labels.MOST_BYTES
    names = {"namespace": "n" * 63, "name": "p" * 253, "uid": "u" * 36, "node": "h" * 253, "service_account": "a" * 253}
    batch = plain(*events(range(1, 501))) | {"pod": names | {"labels": labels}}
    assert (await post(client, bytes(msgpack.packb(batch)))).status_code == 202


async def test_a_batch_that_would_not_fit_into_the_store_is_refused_for_good(tmp_path: Path) -> None:
    store = open_store(tmp_path, size=4 * MIB)
    async with client_of(store) as client:
        await send(client, event(1), task="t0")
        answer = await send(client, *events(range(1, 40), process=process("p", args=("x" * 60_000,))))
        assert answer.status_code == 413
        assert "does not fit: send fewer events at once or raise INGEST_RETENTION_BYTES" in answer.json()["error"]
    assert [task.id for task in (await store.tasks(10)).tasks] == ["t0"], "nothing was deleted for it"
    await store.aclose()


class FullStore:
    """A store that cannot take anything."""

    async def append(self, rows: Rows) -> Appended:
        raise StoreUnavailable("the store cannot write now (database or disk is full)")


async def test_a_store_that_cannot_write_is_503_and_says_when_to_come_back() -> None:
    async with client_of(FullStore()) as client:  # type: ignore[arg-type]  # only append is asked for
        answer = await send(client, event(1))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "full" in answer.json()["error"]


class HeldStore:
    """A store that takes batches only when it is let go."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.waiting = 0
        self.first = asyncio.Event()

    async def append(self, rows: Rows) -> Appended:
        self.waiting += 1
        self.first.set()
        await self.let_go.wait()
        return Appended(len(rows.rows), 0)


async def test_too_many_batches_at_once_are_told_to_wait() -> None:
    held = HeldStore()
    async with client_of(held, max_waiting=1) as client:  # type: ignore[arg-type]  # only append is asked for
        first = asyncio.create_task(send(client, event(1)))
        await asyncio.wait_for(held.first.wait(), 10)
        refused = await send(client, event(2))
        held.let_go.set()
        assert (await first).status_code == 202
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        assert (await send(client, event(3))).status_code == 202


async def test_a_body_holds_a_place_only_when_it_is_large_or_whole(store: Store) -> None:
    let_go = asyncio.Event()

    async def slow(size: int) -> AsyncIterator[bytes]:
        yield bytes(size)
        await let_go.wait()
        yield b"x"

    async with client_of(store, max_waiting=1) as client:
        small = [asyncio.create_task(post(client, slow(1000))) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert (await send(client, event(1))).status_code == 202
        large = asyncio.create_task(post(client, slow(70_000)))
        await asyncio.sleep(0.05)
        assert (await send(client, event(2))).status_code == 429
        let_go.set()
        assert (await large).status_code == 400
        assert {(await each).status_code for each in small} <= {400, 429}
        assert (await send(client, event(2))).status_code == 202


async def test_large_bodies_that_are_not_whole_yet_leave_no_more_room_than_eight_of_the_largest(store: Store) -> None:
    let_go, size, come = asyncio.Event(), 128 * 1024, asyncio.Semaphore(0)

    async def slow() -> AsyncIterator[bytes]:
        yield bytes(size)
        come.release()  # asked for more, so the first piece was taken
        await let_go.wait()

    async with client_of(store, max_body_bytes=size) as client:
        large = [asyncio.create_task(post(client, slow())) for _ in range(8)]
        for _ in large:
            await asyncio.wait_for(come.acquire(), 20)
        refused = await send(client, event(1))
        assert (refused.status_code, int(refused.headers["retry-after"])) == (429, 1)
        let_go.set()
        assert {(await each).status_code for each in large} == {400}
        assert (await send(client, event(1))).status_code == 202


async def test_202_comes_only_after_the_store_has_it() -> None:
    held = HeldStore()
    async with client_of(held) as client:  # type: ignore[arg-type]  # only append is asked for
        sending = asyncio.create_task(send(client, event(1)))
        await asyncio.wait_for(held.first.wait(), 10)
        assert not sending.done()
        held.let_go.set()
        assert (await sending).status_code == 202


@pytest.fixture(scope="module")
def module_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzzed")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5) | st.binary(), inner, max_size=4),
    max_leaves=8,
)
FIELDS = ["schema", "sensor", "task", "pod", "events"]
EVENT_FIELDS = ["kind", "time", "evidence", "lane", "seq", "count", "container", "process", "health", "loss", "links"]


@st.composite
def almost_batches(draw: st.DrawFn) -> bytes:
    """A right batch with one field of it, or of its event, replaced by anything."""
    batch = plain(event(1, process=process("p")))
    if draw(st.booleans()):
        batch[draw(st.sampled_from(FIELDS))] = draw(VALUES)
    else:
        batch["events"][0][draw(st.sampled_from(EVENT_FIELDS))] = draw(VALUES)
    return bytes(msgpack.packb(batch))


CODED = {"identity": bytes, "gzip": gzip.compress, "zstd": zstd.compress}


@st.composite
def odd_batches(draw: st.DrawFn) -> bytes:
    """Right batches with everything in them that the model allows."""
    header = draw(event_strategies.headers)
    sensor = header.sensor._replace(id=header.sensor.id or "s", epoch=header.sensor.epoch or "e")
    given = [draw(event_strategies.events)._replace(seq=seq) for seq in (1, 2)]
    return bytes(
        msgpack.packb({**to_wire(header._replace(sensor=sensor)), "events": [to_wire(each) for each in given]})
    )


@settings(max_examples=60, deadline=None)
@given(body=st.binary() | almost_batches() | odd_batches(), coding=st.sampled_from(sorted(CODED)), honest=st.booleans())
def test_no_bytes_whatever_make_it_fail(module_store: Path, body: bytes, coding: str, honest: bool) -> None:
    """Arbitrary bytes, batches that are almost right and odd ones that are right: taken or refused, and then listed."""
    sent = CODED[coding](body) if honest else body

    async def statuses() -> set[int]:
        store = open_store(module_store)
        try:
            async with client_of(store) as client:
                taken = (await post(client, sent, content_encoding=coding)).status_code
                tasks = await client.get("/v1/tasks", headers=READING)
                paths = [f"/v1/tasks/{quote(task['id'], safe='')}/tree" for task in tasks.json()["tasks"][:2]]
                listed = [await client.get(path, headers=READING) for path in ["/v1/events", *paths]]
                assert [answer.status_code for answer in listed] == [200] * len(listed)
                assert all(event["id"] for event in listed[0].json()["events"])
                return {taken, tasks.status_code}
        finally:
            await store.aclose()

    assert asyncio.run(statuses()) <= {200, 202, 400}


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_fault(store: SqliteStore) -> None:
    """Driven by hand: httpx would not let go of a request half sent."""
    from ingest_samples import settings as with_tokens

    from ingest.server import Endpoint

    messages = iter([{"type": "http.request", "body": b"\x82", "more_body": True}, {"type": "http.disconnect"}])
    sent = []

    async def receive() -> dict[str, object]:
        return next(messages)

    async def answer(message: dict[str, object]) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {WRITE_TOKEN}".encode()), (b"content-type", b"application/msgpack")]
    scope = {"type": "http", "method": "POST", "path": "/v1/batches", "headers": headers, "query_string": b""}
    await Endpoint(with_tokens(), store).app(scope, receive, answer)
    assert sent[0]["status"] == 400
    assert await store.append(rows(event(1))) == Appended(1, 0)
