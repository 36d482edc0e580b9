"""Sealed records: what the ingest reads, made of the encoder's own bytes."""

import pytest
from event_strategies import events, headers
from fakes_pipeline import HEADER, encoded, plain_bytes, unsealed
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.model.counters import Counters
from sensor.model.events import Event, Header
from sensor.model.kinds import Lane
from sensor.pipeline.batch import seal
from sensor.pipeline.encode import Encoded, Encoder


def through_encoder(given_events: list[Event]) -> list[Encoded]:
    encoder = Encoder(Counters())
    return [item for e in given_events if (item := encoder.encode(e))]


@given(inside=st.lists(events, min_size=1, max_size=4), header=headers)
@settings(deadline=None, max_examples=40)
def test_a_batch_is_what_the_codec_reads(inside: list[Event], header: Header) -> None:
    items = through_encoder(inside)
    sealed = seal(header, items)
    batch = unsealed(sealed.data)
    assert batch.header == header
    assert batch.events == tuple(
        e._replace(lane=item.lane, seq=item.seq) for e, item in zip(inside, items, strict=True)
    )


def test_the_events_are_not_encoded_again() -> None:
    items = [encoded(seq, padding=seq) for seq in range(1, 4)]
    sealed = seal(HEADER, items)
    assert b"".join(item.data for item in items) in plain_bytes(sealed.data)


@pytest.mark.parametrize("count", [1, 15, 16, 500, 70_000])
def test_a_batch_says_what_it_holds(count: int) -> None:
    item = encoded(7, Lane.URGENT)
    items = [item._replace(seq=seq) for seq in range(7, 7 + count)]
    sealed = seal(HEADER, items)
    assert sealed[1:] == (Lane.URGENT, count, 7, 6 + count)
    assert len(unsealed(sealed.data).events) == count


def test_equal_events_make_equal_bytes() -> None:
    assert seal(HEADER, [encoded(1), encoded(2)]) == seal(HEADER, [encoded(1), encoded(2)])
