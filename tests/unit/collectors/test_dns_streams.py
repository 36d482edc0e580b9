"""DNS over TCP: segments in any order, twice, torn, forged or endless become whole messages, and losses are counted."""

import itertools
import random

import pytest
from dns_bytes import answer, framed, query
from fakes import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from collectors.dns_stream import GAP, GAP_S, MOST_HELD, MOST_HELD_BYTES, NO_DNS, UNALIGNED, WINDOW
from collectors.dns_streams import IDLE_S, MOST_BYTES, MOST_STREAMS, UNFINISHED, DnsStreams
from sensor.model.counters import Counters

FIRST = 0xFFFFFFF0
"""A sequence number that wraps around soon."""
ONE, TWO, THREE = query(1), answer(ident=2), query(3, "third.example.org")


class Wire:
    """Streams among fakes, and one connection's direction to feed."""

    def __init__(self, first: int = FIRST) -> None:
        self.clock = FakeClock()
        self.counters = Counters()
        self.streams = DnsStreams(clock=self.clock, counters=self.counters)
        self.first = first

    def syn(self, key: object = "a") -> None:
        assert self.streams.feed(key, self.first, b"", syn=True) == []

    def send(self, at: int, payload: bytes, key: object = "a", *, fin: bool = False) -> list[bytes]:
        """The bytes of the stream from `at` on."""
        return self.streams.feed(key, (self.first + 1 + at) & 0xFFFFFFFF, payload, fin=fin)

    @property
    def losses(self) -> dict[str, int]:
        return dict(self.counters.losses)


@pytest.fixture
def wire() -> Wire:
    opened = Wire()
    opened.syn()
    return opened


def test_messages_come_whole_however_they_are_cut(wire: Wire) -> None:
    data = framed(ONE) + framed(TWO)
    got = [wire.send(at, data[at : at + 1]) for at in range(len(data))]

    assert list(itertools.chain(*got)) == [ONE, TWO]
    assert got[len(framed(ONE)) - 1] == [ONE]
    assert (wire.losses, wire.streams.held_bytes) == ({}, 0)


def test_several_messages_in_a_segment_come_in_order(wire: Wire) -> None:
    data = framed(ONE) + framed(TWO) + framed(THREE)
    assert wire.send(0, data[:-3]) == [ONE, TWO]
    assert wire.send(len(data) - 3, data[-3:]) == [THREE]


def test_what_is_sent_again_or_overlaps_is_read_once_and_as_it_came_first(wire: Wire) -> None:
    data = framed(ONE) + framed(TWO)
    assert wire.send(0, data[:10]) == []
    assert wire.send(0, data[:10]) == []
    assert wire.send(5, b"\xff" * 5 + data[10:60]) == [ONE]
    assert wire.send(0, data) == [TWO]
    assert wire.send(0, data) == []
    assert wire.losses == {}


def test_what_comes_too_early_waits_for_what_is_missing(wire: Wire) -> None:
    data = framed(ONE) + framed(TWO) + framed(THREE)
    assert wire.send(50, data[50:]) == []
    assert wire.send(10, data[10:60]) == []
    assert wire.streams.held_bytes > 0
    assert wire.send(0, data[:10]) == [ONE, TWO, THREE]
    assert (wire.losses, wire.streams.held_bytes) == ({}, 0)


def test_a_gap_that_is_not_filled_is_given_up_and_whole_messages_behind_it_are_read(wire: Wire) -> None:
    wire.send(0, framed(ONE)[:10])
    assert wire.send(100, framed(TWO)) == []
    wire.clock.advance(GAP_S + 0.1)
    assert wire.send(100 + len(framed(TWO)), framed(THREE)) == [TWO, THREE]
    assert wire.losses == {GAP: 1}


def test_a_gap_that_is_filled_late_is_none(wire: Wire) -> None:
    data = framed(ONE)
    wire.send(10, data[10:])
    wire.clock.advance(GAP_S + 0.1)
    assert wire.send(0, data[:10]) == [ONE]
    assert wire.losses == {}


def test_so_many_segments_wait_and_no_more(wire: Wire) -> None:
    step = len(framed(ONE))
    for n in range(1, MOST_HELD + 1):
        assert wire.send(n * step, framed(ONE)) == []
    assert wire.send((MOST_HELD + 1) * step, framed(ONE)) == [ONE] * (MOST_HELD + 1)
    assert wire.losses == {GAP: 1}


def test_so_many_bytes_wait_and_no_more(wire: Wire) -> None:
    size = MOST_HELD_BYTES // 2
    assert wire.send(10, bytes(size)) == []
    assert wire.send(10 + size, bytes(size)) == []
    assert wire.send(10 + 2 * size, framed(ONE)) == [ONE]
    assert wire.losses == {GAP: 1, UNALIGNED: 2}


def test_behind_two_gaps_the_second_may_still_be_filled(wire: Wire) -> None:
    one, two = framed(ONE), framed(TWO)
    wire.send(100, one)
    wire.send(100 + len(one) + len(two), framed(THREE))
    wire.clock.advance(GAP_S + 0.1)
    assert wire.send(100, one) == [ONE]
    assert wire.send(100 + len(one), two) == [TWO, THREE]
    assert wire.losses == {GAP: 1}


@pytest.mark.parametrize("away", [WINDOW + 1, -WINDOW - 1, 1 << 31])
def test_a_segment_from_far_away_is_another_streams_and_the_next_whole_message_is_read(wire: Wire, away: int) -> None:
    wire.send(0, framed(ONE)[:10])
    assert wire.send(10 + away, b"forged") == []
    assert wire.send(10, framed(ONE)[10:]) == []
    assert wire.send(len(framed(ONE)), framed(TWO)) == [TWO]
    assert wire.losses == {GAP: 1, UNALIGNED: 2}


def test_a_stream_that_was_open_before_is_read_from_its_first_whole_messages_on() -> None:
    wire = Wire()
    assert wire.send(0, framed(ONE)[7:]) == []
    assert wire.send(100, framed(TWO) + framed(THREE)) == [TWO, THREE]
    assert wire.send(100, framed(TWO) + framed(THREE)) == []
    assert wire.losses == {UNALIGNED: 1}


@pytest.mark.parametrize("length", [0, 1, 11])
def test_what_announces_less_than_a_header_is_no_dns(wire: Wire, length: int) -> None:
    assert wire.send(0, framed(ONE) + framed(bytes(length)) + framed(TWO)) == [ONE]
    assert wire.losses == {NO_DNS: 1}
    assert wire.send(500, framed(THREE)) == [THREE]


def test_zeros_without_end_are_counted_once_for_each_segment(wire: Wire) -> None:
    for n in range(10):
        assert wire.send(n * 1000, bytes(1000)) == []
    assert wire.losses == {NO_DNS: 1, UNALIGNED: 9}
    assert wire.streams.held_bytes == 0


def test_a_syn_that_is_sent_again_changes_nothing_and_another_one_begins_anew(wire: Wire) -> None:
    wire.send(0, framed(ONE)[:10])
    wire.syn()
    assert wire.send(10, framed(ONE)[10:]) == [ONE]
    wire.send(len(framed(ONE)), framed(TWO)[:10])

    wire.first = 7
    wire.syn()
    assert wire.send(0, framed(THREE)) == [THREE]
    assert wire.losses == {UNFINISHED: 1}


def test_a_syn_may_bring_data() -> None:
    wire = Wire()
    assert wire.streams.feed("a", FIRST, framed(ONE), syn=True) == [ONE]
    assert wire.send(len(framed(ONE)), framed(TWO)) == [TWO]


def test_after_its_end_a_stream_still_knows_what_is_sent_again(wire: Wire) -> None:
    assert wire.send(0, framed(ONE), fin=True) == [ONE]
    assert wire.send(0, framed(ONE), fin=True) == []
    assert wire.losses == {}


def test_an_end_that_comes_early_waits_for_the_rest(wire: Wire) -> None:
    data = framed(ONE)
    assert wire.send(20, data[20:], fin=True) == []
    assert wire.send(0, data[:20]) == [ONE]
    assert wire.losses == {}


@pytest.mark.parametrize("how", ["fin", "rst", "forget"])
def test_an_end_inside_of_a_message_is_counted(wire: Wire, how: str) -> None:
    wire.send(0, framed(ONE)[:10])
    if how == "fin":
        wire.send(10, b"", fin=True)
    elif how == "rst":
        wire.streams.feed("a", 0, b"", rst=True)
    else:
        wire.streams.forget("a")
    assert wire.losses == {UNFINISHED: 1}
    assert (len(wire.streams), wire.streams.held_bytes) == (0, 0)


def test_what_carries_nothing_opens_no_stream() -> None:
    wire = Wire()
    wire.send(0, b"")
    wire.send(0, b"", fin=True)
    wire.streams.feed("b", 0, b"", rst=True)
    assert (len(wire.streams), wire.losses) == (0, {})


def test_an_idle_stream_is_forgotten(wire: Wire) -> None:
    wire.send(0, framed(ONE)[:10])
    wire.clock.advance(IDLE_S)
    wire.syn("b")
    assert len(wire.streams) == 2
    wire.clock.advance(1)
    wire.syn("c")
    assert len(wire.streams) == 2
    assert wire.losses == {UNFINISHED: 1}


def test_the_streams_unused_for_longest_make_room() -> None:
    wire = Wire()
    for key in range(MOST_STREAMS):
        wire.syn(key)
    wire.send(0, framed(ONE)[:5], key=0)
    wire.syn("new")
    assert len(wire.streams) == MOST_STREAMS
    assert wire.send(5, framed(ONE)[5:], key=0) == [ONE]
    assert wire.send(0, framed(ONE)[:5], key=1) == []
    assert wire.losses == {UNALIGNED: 1}


def test_bytes_are_bounded_over_all_streams_and_streams_without_any_stay() -> None:
    wire = Wire()
    wire.syn("empty")
    size = 60_000
    for key in range(MOST_BYTES // size + 1):
        wire.syn(key)
        wire.send(0, framed(bytes(65_535))[:size], key=key)
    assert wire.streams.held_bytes <= MOST_BYTES
    assert wire.losses == {UNFINISHED: 1}
    assert wire.send(0, framed(ONE), key="empty") == [ONE]


@given(
    st.lists(st.binary(min_size=12, max_size=120), min_size=1, max_size=8),
    st.lists(st.integers(1, 200), min_size=1, max_size=12),
    st.integers(0, 0xFFFFFFFF),
    st.randoms(use_true_random=False),
)
def test_any_cut_in_any_order_within_the_bound_gives_the_messages_in_order(
    messages: list[bytes], cuts: list[int], first: int, dice: random.Random
) -> None:
    wire = Wire(first)
    wire.syn()
    data = b"".join(map(framed, messages))
    got = []
    cut = pieces(data, cuts)
    for begin in range(0, len(cut), 8):
        shuffled = cut[begin : begin + 8] * 2
        dice.shuffle(shuffled)
        for at, payload in shuffled:
            got += wire.send(at, payload)
    assert got == messages
    assert (wire.losses, wire.streams.held_bytes) == ({}, 0)


def pieces(data: bytes, cuts: list[int]) -> list[tuple[int, bytes]]:
    """The stream in pieces of these sizes, over and over; each reaches a little into the next."""
    found, at, sizes = [], 0, itertools.cycle(cuts)
    while at < len(data):
        size = next(sizes)
        found.append((at, data[at : at + size + 3]))
        at += size
    return found


SEGMENTS = st.tuples(
    st.integers(0, 3),
    st.one_of(st.integers(0, 300), st.integers(0, 0xFFFFFFFF)),
    st.one_of(st.binary(max_size=60), st.sampled_from([framed(ONE), framed(TWO), b"\xff\xff" + bytes(60_000)])),
    st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0.0, 0.0, 0.1, 3.0, 61.0]),
)  # fmt: skip


@given(st.lists(SEGMENTS, max_size=60))
def test_arbitrary_segments_never_raise_and_stay_within_bounds(
    segments: list[tuple[int, int, bytes, bool, bool, bool, float]],
) -> None:
    wire = Wire()
    for key, seq, payload, syn, fin, rst, wait in segments:
        wire.clock.advance(wait)
        got = wire.streams.feed(key, seq, payload, syn=syn, fin=fin, rst=rst)
        assert all(12 <= len(message) <= 65_535 for message in got)
        assert wire.streams.held_bytes == sum(stream.size for stream, _ in wire.streams._streams.values())
        assert wire.streams.held_bytes <= MOST_BYTES
    for key in range(4):
        wire.streams.forget(key)
    assert (len(wire.streams), wire.streams.held_bytes) == (0, 0)
