"""The spool in memory: order kept, each destination at its own pace, the oldest ordinary batches give way first."""

import asyncio

from fakes_pipeline import HEADER, encoded
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.model.kinds import Lane
from sensor.pipeline.batch import seal
from tests.fakes_spool import KIB, ORDINARY, URGENT, SpoolRig


async def test_batches_come_back_in_order_byte_for_byte() -> None:
    rig = SpoolRig()
    given = rig.put(1, 2, 3)
    records = [await rig.spool.read("a", ORDINARY) for _ in given]
    assert [r.sealed for r in records if r] == given
    assert [r.position for r in records if r] == [1, 2, 3]
    assert await rig.spool.read("a", ORDINARY) is None


async def test_lanes_do_not_mix() -> None:
    rig = SpoolRig()
    rig.put(1, 2)
    rig.put(1, lane=URGENT)
    assert await rig.read(lane=URGENT) == [1]
    assert await rig.read(lane=ORDINARY) == [1, 2]


async def test_every_destination_gets_everything_at_its_own_pace() -> None:
    rig = SpoolRig(names=("a", "b"))
    rig.put(1, 2, 3)
    assert await rig.read("a") == [1, 2, 3]
    assert not rig.spool.unread("a", ORDINARY)
    rig.put(4)
    assert await rig.read("b") == [1, 2, 3, 4]
    assert await rig.read("a") == [4]


async def test_a_destination_is_woken_by_its_lane() -> None:
    rig = SpoolRig()
    urgent, ordinary = rig.spool.wake("a", URGENT), rig.spool.wake("a", ORDINARY)
    rig.put(1)
    assert (urgent.is_set(), ordinary.is_set()) == (False, True)


async def test_the_oldest_ordinary_batches_give_way_and_are_counted() -> None:
    rig = SpoolRig(memory=64 * KIB)
    rig.put(*range(1, 101), padding=KIB)
    found = await rig.read()
    assert found == list(range(101 - len(found), 101))
    assert 30 < len(found) < 60
    assert rig.counters.losses == {"spool_full": 100 - len(found)}


async def test_urgent_batches_outlast_ordinary_ones() -> None:
    rig = SpoolRig(memory=64 * KIB)
    rig.put(*range(1, 21), lane=URGENT, padding=KIB)
    rig.put(*range(1, 101), padding=KIB)
    assert await rig.read(lane=URGENT) == list(range(1, 21))
    rig.put(*range(21, 121), lane=URGENT, padding=KIB)
    assert await rig.read(lane=ORDINARY) == []
    assert (await rig.read(lane=URGENT))[-1] == 120


async def test_a_batch_larger_than_everything_is_lost_alone() -> None:
    rig = SpoolRig(memory=64 * KIB)
    rig.put(1, lane=URGENT)
    rig.put(1, padding=100 * KIB)
    assert await rig.read(lane=URGENT) == [1]
    assert await rig.read() == []
    assert rig.counters.losses == {"spool_full": 1}


async def test_what_gives_way_counts_for_each_destination_that_had_not_read_it() -> None:
    rig = SpoolRig(names=("a", "b"), memory=64 * KIB)
    rig.put(*range(1, 11), padding=KIB)
    assert len(await rig.read("a")) == 10
    rig.put(*range(11, 101), padding=KIB)
    left = len(await rig.read("a")), len(await rig.read("b"))
    assert left[0] == left[1]
    assert rig.counters.losses["spool_full"] == (90 - left[0]) + (100 - left[1])


async def test_what_is_acknowledged_takes_no_memory() -> None:
    rig = SpoolRig()
    for start in range(1, 2_000, 50):
        rig.put(*range(start, start + 50), padding=100)
        await rig.read()
    assert sum(rig.spool.held(lane) for lane in (URGENT, ORDINARY)) == 0
    assert not any(track.segments for track in rig.spool._tracks.values())
    assert not rig.counters.losses


async def test_what_all_have_acknowledged_is_let_go_of_batch_by_batch() -> None:
    rig = SpoolRig(names=("a", "b"))
    held = [0]
    for seq in range(1, 5):
        rig.put(seq, padding=100 * seq)
        held.append(rig.spool.held(ORDINARY))
    await rig.read("a")
    assert rig.spool.held(ORDINARY) == held[4]
    for done in (1, 3, 4):
        rig.spool.acknowledge("b", ORDINARY, done + 1)
        assert rig.spool.held(ORDINARY) == held[4] - held[done]


async def test_nothing_waits_for_a_destination_that_is_gone() -> None:
    rig = SpoolRig(names=("a", "b"), memory=64 * KIB)
    rig.spool.leave("b")
    for seq in range(1, 201):
        rig.put(seq, padding=KIB)
        assert await rig.read("a") == [seq]
    assert not rig.spool.unread("b", ORDINARY)
    assert not rig.counters.losses


async def test_what_the_last_destination_leaves_is_let_go() -> None:
    rig = SpoolRig()
    rig.put(1, 2)
    for name in ("a", "a", "nobody"):
        rig.spool.leave(name)
    assert rig.spool.held(ORDINARY) == 0
    rig.put(3)
    assert not rig.counters.losses


async def test_what_is_given_up_is_not_read_any_more() -> None:
    rig = SpoolRig()
    rig.batch(1, 2, 3)
    rig.batch(4)
    assert rig.spool.give_up("a", ORDINARY) == (4, 0)
    assert await rig.read() == []
    rig.put(5)
    assert await rig.read() == [5]


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(Lane), st.integers(1, 3), st.integers(0, 900), st.integers(0, 3)), max_size=60
    ),
    memory=st.integers(0, 12_000),
)
@settings(deadline=None, max_examples=60)
def test_in_equals_out_plus_lost_for_each_destination(steps: list[tuple[Lane, int, int, int]], memory: int) -> None:
    async def scenario() -> None:
        rig = SpoolRig(names=("a", "b"), memory=memory)
        out: dict[tuple[str, Lane], list[int]] = {}
        put, seq = 0, 0
        for lane, count, padding, reads in steps:
            items = [encoded(seq + n, lane, padding) for n in range(1, count + 1)]
            rig.spool.append(seal(HEADER, items))
            seq, put = seq + count, put + count
            for name in ("a", "b")[:reads]:
                out.setdefault((name, lane), []).extend(await seqs(rig, name, lane, most=2))
        for name in ("a", "b"):
            for lane in Lane:
                out.setdefault((name, lane), []).extend(await seqs(rig, name, lane))
        assert sum(map(len, out.values())) + rig.counters.losses["spool_full"] == 2 * put
        assert all(numbers == sorted(numbers) for numbers in out.values())

    asyncio.run(scenario())


async def seqs(rig: SpoolRig, name: str, lane: Lane, most: int = 10**6) -> list[int]:
    """The numbers of all events read."""
    found: list[int] = []
    for _ in range(most):
        if (record := await rig.spool.read(name, lane)) is None:
            break
        found += range(record.sealed.first_seq, record.sealed.last_seq + 1)
        rig.spool.acknowledge(name, lane, record.position + 1)
    return found


async def test_a_lower_limit_loses_ordinary_batches_only_and_counts_them() -> None:
    rig = SpoolRig(memory=64 * KIB)
    rig.put(*range(1, 21), lane=URGENT, padding=KIB)
    rig.put(*range(1, 21), padding=KIB)
    rig.spool.limit(8 * KIB)
    assert await rig.read() == []
    assert await rig.read(lane=URGENT) == list(range(1, 21))
    assert rig.counters.losses == {"spool_full": 20}


async def test_a_limit_that_is_lifted_leaves_room_again() -> None:
    rig = SpoolRig(memory=64 * KIB)
    rig.spool.limit(8 * KIB)
    rig.spool.limit(1024 * KIB)
    rig.put(*range(1, 101), padding=KIB)
    assert 30 < len(await rig.read()) < 60
