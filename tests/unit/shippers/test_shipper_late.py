"""A destination that is made when its delivery opens."""

import threading

import pytest
from fakes_pipeline import FakeShipper

from sensor.config.settings import Settings
from sensor.model.clock import SystemClock
from sensor.model.protocols import Encoding, Limits, Shipper
from shippers import registry
from shippers.ingest_http import IngestHttp
from shippers.late import Late

LIMITS = Limits(1, 2, 3)


async def test_it_is_made_once_in_a_thread_and_then_asked() -> None:
    made: list[threading.Thread] = []
    shipper = FakeShipper()

    def make() -> Shipper:
        made.append(threading.current_thread())
        return shipper

    late = Late("far", Encoding.BATCH, LIMITS, make)
    await late.aclose()
    assert not made
    await late.open()
    await late.open()
    assert await late.send([b"one"]) == ()
    await late.aclose()

    assert len(made) == 1
    assert made[0] is not threading.main_thread()
    assert shipper.sent == [(b"one",)]


async def test_nothing_is_sent_before_it_is_open() -> None:
    with pytest.raises(RuntimeError, match="send comes after open"):
        await Late("far", Encoding.BATCH, LIMITS, FakeShipper).send([b"one"])


def test_what_is_known_of_the_ingest_before_is_what_holds_afterwards() -> None:
    late = registry.make("ingest_http", Settings(ingest_url="http://127.0.0.1:1", ingest_token="t"), SystemClock())

    assert (late.name, late.encoding, late.limits) == (IngestHttp.name, IngestHttp.encoding, IngestHttp.limits)
