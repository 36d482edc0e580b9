"""Two lanes under one bound: order kept, ordinary events give way first, nothing lost uncounted."""

from fakes_pipeline import encoded
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.model.counters import Counters
from sensor.model.kinds import Lane
from sensor.pipeline.lanes import OVERHEAD, Lanes

ONE = len(encoded(1).data) + OVERHEAD
URGENT, ORDINARY = Lane.URGENT, Lane.ORDINARY


def lanes(room: int) -> tuple[Lanes, Counters]:
    """Lanes with room for that many small events."""
    counters = Counters()
    return Lanes(max_bytes=room * ONE + ONE // 2, counters=counters), counters


def numbers(waiting: Lanes, lane: Lane) -> list[int]:
    return [item.seq for item in waiting.take(lane, 1_000, 10**9)]


def test_events_leave_in_order_within_both_bounds() -> None:
    waiting, _ = lanes(10)
    for seq in range(1, 7):
        waiting.put(encoded(seq))
    size = len(encoded(1).data)
    assert waiting.bytes(ORDINARY) == 6 * size
    assert [i.seq for i in waiting.take(ORDINARY, 2, 10**9)] == [1, 2]
    assert [i.seq for i in waiting.take(ORDINARY, 10, 3 * size)] == [3, 4, 5]
    assert numbers(waiting, ORDINARY) == [6]
    assert (waiting.count(ORDINARY), waiting.bytes(ORDINARY)) == (0, 0)
    assert waiting.take(ORDINARY, 10, 10**9) == []


def test_an_event_longer_than_asked_for_is_taken_alone() -> None:
    waiting, _ = lanes(10)
    waiting.put(encoded(1))
    waiting.put(encoded(2))
    assert [i.seq for i in waiting.take(ORDINARY, 10, 1)] == [1]


def test_the_oldest_ordinary_event_gives_way() -> None:
    waiting, counters = lanes(3)
    for seq in range(1, 6):
        waiting.put(encoded(seq))
    assert counters.losses == {"spool_full": 2}
    assert numbers(waiting, ORDINARY) == [3, 4, 5]


def test_an_urgent_event_pushes_out_ordinary_ones_and_never_the_other_way_round() -> None:
    waiting, counters = lanes(3)
    for seq in (1, 2):
        waiting.put(encoded(seq))
    for seq in (1, 2, 3):
        waiting.put(encoded(seq, URGENT))
    waiting.put(encoded(3))
    assert numbers(waiting, URGENT) == [1, 2, 3]
    assert numbers(waiting, ORDINARY) == []
    assert counters.losses == {"spool_full": 3}


def test_urgent_events_give_way_when_nothing_ordinary_is_left() -> None:
    waiting, counters = lanes(2)
    for seq in (1, 2, 3):
        waiting.put(encoded(seq, URGENT))
    assert numbers(waiting, URGENT) == [2, 3]
    assert counters.losses == {"spool_full": 1}


def test_an_event_longer_than_everything_is_lost_and_takes_no_urgent_one_with_it() -> None:
    waiting, counters = lanes(3)
    waiting.put(encoded(1, URGENT))
    waiting.put(encoded(1, ORDINARY, padding=10 * ONE))
    assert numbers(waiting, URGENT) == [1]
    assert numbers(waiting, ORDINARY) == []
    assert counters.losses == {"spool_full": 1}


@given(
    puts=st.lists(st.tuples(st.sampled_from(Lane), st.integers(0, 400), st.booleans()), max_size=60),
    room=st.integers(0, 12),
)
@settings(deadline=None)
def test_in_equals_out_plus_lost_in_order_and_within_the_bound(puts: list[tuple[Lane, int, bool]], room: int) -> None:
    waiting, counters = lanes(room)
    out: dict[Lane, list[int]] = {lane: [] for lane in Lane}
    for seq, (lane, padding, take) in enumerate(puts):
        before = waiting.count(URGENT)
        waiting.put(encoded(seq, lane, padding))
        if lane is ORDINARY:
            assert waiting.count(URGENT) == before
        held = sum(waiting.bytes(lane) + OVERHEAD * waiting.count(lane) for lane in Lane)
        assert held <= room * ONE + ONE // 2
        if take:
            out[lane] += [item.seq for item in waiting.take(lane, 2, 10**9)]
    for lane in Lane:
        out[lane] += numbers(waiting, lane)
        assert out[lane] == sorted(out[lane])
    assert sum(map(len, out.values())) + counters.losses["spool_full"] == len(puts)
