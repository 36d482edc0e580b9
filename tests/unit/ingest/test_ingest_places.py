"""Who may have how many batches under way."""

import asyncio
import sys
from contextlib import ExitStack

import pytest
from ingest_samples import client_of, event, send

from ingest import unpack
from ingest.answers import Refused
from ingest.batches import DECODED
from ingest.identity.principal import AwsPrincipal
from ingest.places import Places
from ingest.store.protocol import Appended
from ingest.store.rows import Rows
from sensor.model.events import Batch

ONE, OTHER = (AwsPrincipal("aws", "123456789012", "web", name) for name in ("t1", "t2"))
MOST_BYTES = 1000


def test_one_login_cannot_have_all_places() -> None:
    places = Places(64, MOST_BYTES)
    with ExitStack() as held:
        for _ in range(8):
            held.enter_context(places.one(ONE))(1)
        with pytest.raises(Refused, match="8 batches of this login") as refused, places.one(ONE) as take:
            take(1)
        assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
        held.enter_context(places.one(OTHER))(1)
    with places.one(ONE) as take:
        take(1)


def test_those_with_a_token_of_the_configuration_may_have_all() -> None:
    places = Places(10, MOST_BYTES)
    with ExitStack() as held:
        for _ in range(10):
            held.enter_context(places.one(None))(1)
        for who in (None, ONE):
            with pytest.raises(Refused, match="10 batches are being taken already"), places.one(who) as take:
                take(1)


def test_a_place_is_one_however_often_it_is_taken_and_none_until_then() -> None:
    places = Places(1, MOST_BYTES)
    with places.one(None) as first, places.one(None) as second:
        first(1)
        first(1)
        with pytest.raises(Refused):
            second(1)
    with places.one(ONE) as take:
        take(1)


def test_all_bodies_together_are_bounded_in_bytes_while_they_come_in() -> None:
    places = Places(10, MOST_BYTES)
    with places.one(None) as first:
        for size in (100, 300, 600):
            first(size)
        with places.one(None) as second:
            second(400)
            with pytest.raises(Refused, match="batches of 1000 bytes are being taken") as refused:
                second(401)
            assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
        first(MOST_BYTES)
    with places.one(None) as take:
        take(MOST_BYTES)


def test_one_login_cannot_have_all_of_the_bytes() -> None:
    places = Places(64, MOST_BYTES)
    with places.one(ONE) as one, places.one(ONE) as another:
        one(MOST_BYTES // 8 - 1)
        another(1)
        with pytest.raises(Refused, match="125 bytes of this login are being taken") as refused:
            another(2)
        assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
        with places.one(OTHER) as take:
            take(MOST_BYTES // 8)
    with places.one(ONE) as take:
        take(MOST_BYTES // 8)


def test_nothing_is_kept_of_a_login_without_a_batch_under_way() -> None:
    """There is one in every task that ever wrote."""
    places, login = Places(10, MOST_BYTES), AwsPrincipal("aws", "123456789012", "web", "t3")
    before = sys.getrefcount(login)
    with places.one(login) as take:
        take(1)
        assert sys.getrefcount(login) > before + 1
    del take
    assert sys.getrefcount(login) == before


class StuckStore:
    """A store that keeps nothing until it is let go on."""

    def __init__(self) -> None:
        self.full, self.goes_on = asyncio.Event(), asyncio.Event()
        self.waiting = 0

    async def append(self, rows: Rows) -> Appended:
        self.waiting += 1
        if self.waiting == DECODED:
            self.full.set()
        await self.goes_on.wait()
        return Appended(len(rows.rows), 0)


async def test_no_more_batches_are_decoded_than_may_wait_for_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    store, decoded, plainly = StuckStore(), list[bytes](), unpack.batch

    def batch(body: bytes) -> Batch:
        decoded.append(body)
        return plainly(body)

    monkeypatch.setattr(unpack, "batch", batch)
    async with client_of(store) as client:  # type: ignore[arg-type]  # only append is asked for
        sending = [asyncio.create_task(send(client, event(n))) for n in range(1, DECODED + 4)]
        await asyncio.wait_for(store.full.wait(), 20)
        await asyncio.sleep(0.1)
        assert (len(decoded), store.waiting) == (DECODED, DECODED)
        store.goes_on.set()
        assert {(await each).status_code for each in sending} == {202}
