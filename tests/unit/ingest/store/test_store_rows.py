"""Batches made ready to be kept."""

import gc
import re
import tracemalloc
import weakref

import pytest
from ingest_samples import GIB, event, events, header, rows

from ingest.store.rows import prepare
from sensor.model.errors import MalformedEvent
from sensor.model.events import Ancestor, Batch, Container, Evidence, Header, Pod, Process, Sensor


class Text(str):
    """A text that can be watched."""


@pytest.mark.parametrize("right", [True, False])
def test_nothing_of_a_batch_is_held_when_it_is_prepared(right: bool) -> None:
    """Sensors choose these texts, so a thousand of them that are remembered could be gigabytes."""
    texts = [Text(f"text {n}, {right}") for n in range(3)]
    watched = [weakref.ref(text) for text in texts]
    source, image, exe = texts
    process = Process("p", 1, ancestors=(Ancestor("a", 2, exe),))
    told = event(1 if right else 0, evidence=Evidence(source), container=Container("c", image=image), process=process)
    if right:
        rows(told)
    else:
        with pytest.raises(MalformedEvent):
            rows(event(2)._replace(container=told.container, evidence=told.evidence, process=process), told)
    del texts, source, image, exe, process, told
    gc.collect()
    assert [each() for each in watched] == [None] * 3


def test_a_long_name_of_a_container_is_cut_where_it_is_listed_and_whole_in_the_event() -> None:
    (row,) = rows(event(1, container=Container("c", "n" * 512, "i" * 513))).rows
    assert row.container == Container("c", "n" * 512, "i" * 512)
    assert b"i" * 513 in row.text


@pytest.mark.parametrize(
    ("config", "container", "where"),
    [("c" * 513, "c1", "batch.sensor.config"), ("c" * 512, "c" * 513, "batch.events[0].container.id")],
)
def test_what_is_listed_or_told_apart_by_is_bounded(config: str, container: str, where: str) -> None:
    sender = header()
    told = sender._replace(sensor=sender.sensor._replace(config=config))
    with pytest.raises(MalformedEvent, match=rf"^{re.escape(where)}: may have 512 characters, has 513"):
        prepare(Batch(told, (event(1, container=Container(container)),)), None, most_bytes=10_000)


def test_the_size_of_a_batch_is_that_of_its_texts_in_utf_8() -> None:
    batch = Batch(header(), (event(1, process=Process("p", 1, args=("ä€",))), event(2)))
    made = prepare(batch, None, most_bytes=10_000)
    assert made.size == sum(len(row.text) for row in made.rows) == sum(len(row.text.decode()) for row in made.rows) + 3
    assert prepare(batch, None, most_bytes=made.size) == made
    with pytest.raises(MalformedEvent, match="its first 2 events"):
        prepare(batch, None, most_bytes=made.size - 1)


def test_a_batch_that_is_held_takes_no_more_memory_than_its_size_says() -> None:
    """A text of which one character is beyond the 16-bit ones has four bytes for each in Python; sensors choose it."""
    labels = {"odd": "\N{GRINNING FACE}" + "x" * 8000}
    batch = Batch(Header(Sensor("s", "e", "1"), pod=Pod("n", "p", "u", labels=labels)), events(range(1, 101)))
    prepare(batch, None, most_bytes=GIB)
    tracemalloc.start()
    try:
        made = prepare(batch, None, most_bytes=GIB)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made.size > 100 * 8000
    assert held < 1.5 * made.size
