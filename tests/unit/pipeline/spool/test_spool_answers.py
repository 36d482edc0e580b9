"""What the spool says of itself: how much waits, what a restart will find, what is given up, how often it reads."""

from pathlib import Path

import pytest
from fakes_spool import KIB, ORDINARY, URGENT, SpoolRig

from sensor.pipeline.spool import spool
from sensor.pipeline.spool.record import HEADER_BYTES
from sensor.pipeline.spool.saver import RETRY_S


async def test_the_events_that_wait_are_those_of_a_lane_and_a_destination() -> None:
    rig = SpoolRig(names=("a", "b"))
    rig.batch(1, 2, 3)
    rig.batch(4, 5)
    rig.put(1, lane=URGENT)
    await rig.read("a", most=1)
    assert [rig.spool.unread_events(name, ORDINARY) for name in ("a", "b", "nobody")] == [2, 5, 0]
    assert [rig.spool.unread_events(name, URGENT) for name in ("a", "b", "nobody")] == [1, 1, 0]


async def test_the_bytes_that_wait_are_shared_out_among_the_batches_of_a_segment() -> None:
    rig = SpoolRig(names=("a", "b"), memory=64 * KIB)
    first = rig.put(1, 2) + rig.put(3, padding=5 * KIB)
    second = rig.put(4, 5)
    rig.put(1, lane=URGENT)
    whole, rest = (sum(HEADER_BYTES + len(sealed.data) for sealed in batches) for batches in (first, second))
    assert [rig.spool.unread_bytes(name, ORDINARY) for name in ("a", "nobody")] == [whole + rest, 0]
    for read, left in ((1, whole * 2 // 3 + rest), (1, whole // 3 + rest), (1, rest), (1, rest // 2), (1, 0)):
        await rig.read("a", most=read)
        assert rig.spool.unread_bytes("a", ORDINARY) == left
    assert rig.spool.unread_bytes("b", ORDINARY) == whole + rest


async def test_the_room_is_what_there_is_now() -> None:
    rig = SpoolRig(memory=64 * KIB)
    for limit, room in ((8 * KIB, 8 * KIB), (1024 * KIB, 64 * KIB)):
        rig.spool.limit(limit)
        assert rig.spool.room == room


async def test_saved_is_what_lies_in_a_file_and_still_has_its_place(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, memory=64 * KIB, disk=16 * KIB).open()
    rig.put(1, 2)
    assert [rig.spool.is_saved(ORDINARY, position) for position in (1, 2, 3)] == [True, True, False]
    assert not rig.spool.is_saved(URGENT, 1)
    rig.put(*range(3, 41), padding=KIB)
    assert not rig.spool.is_saved(ORDINARY, 1), "it had to give way"
    rig.worker.held = True
    rig.put(41)
    assert [rig.spool.is_saved(ORDINARY, position) for position in (40, 41)] == [True, False]


async def test_nothing_is_saved_in_memory() -> None:
    rig = SpoolRig()
    rig.put(1)
    assert not rig.spool.is_saved(ORDINARY, 1)


async def test_what_is_given_up_is_lost_or_kept_on_disk(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, names=("a", "b")).open()
    rig.batch(1, 2, 3)
    rig.batch(4, 5)
    rig.worker.held = True
    rig.batch(6)
    rig.batch(7, 8, 9, 10)
    assert rig.spool.give_up("a", ORDINARY) == (5, 5)
    assert rig.spool.give_up("a", ORDINARY) == (0, 0)
    assert rig.spool.give_up("nobody", ORDINARY) == (0, 0)
    assert await rig.read("b") == [1, 4, 6, 7]


async def test_the_last_word_acknowledges_nothing_that_was_told_as_left(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1, 2, 3, 4)
    assert await rig.read(most=1) == [1]
    assert await rig.spool.read("a", ORDINARY) is not None, "in a request when the time is up"
    assert rig.spool.give_up("a", ORDINARY) == (0, 2)
    rig.put(5)
    assert await rig.read() == [5]
    assert rig.spool.give_up("a", ORDINARY) == (0, 0)
    rig.put(6)
    assert await rig.read() == [6]
    assert len(rig.files()) == 1
    await rig.spool.aclose(1)
    rig = await rig.again()
    assert await rig.read() == [2, 3, 4, 5, 6]


async def test_what_is_in_memory_only_is_not_kept_by_giving_it_up(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.worker.fault = OSError("no space")
    rig.put(1)
    rig.worker.fault = None
    rig.timers.pass_time(RETRY_S)
    rig.put(2)
    assert rig.spool.give_up("a", ORDINARY) == (1, 1)
    rig.put(3)
    assert await rig.read() == [3]
    assert [segment.first for segment in rig.spool._tracks[ORDINARY].segments] == [2]
    await rig.spool.aclose(1)
    rig = await rig.again()
    assert await rig.read() == [2, 3]


async def test_one_that_gives_up_with_nothing_on_disk_keeps_nothing(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, names=("a", "b")).open()
    rig.put(1, 2)
    assert await rig.read("a") == [1, 2]
    assert rig.spool.give_up("a", ORDINARY) == (0, 0)
    rig.put(3)
    assert await rig.read("a") == [3]
    assert await rig.read("b") == [1, 2, 3]
    await rig.spool.aclose(1)
    rig = await rig.again()
    assert [await rig.read(name) for name in ("a", "b")] == [[], []]


async def test_nothing_that_was_told_as_left_gives_way_to_the_last_word(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, memory=64 * KIB, disk=16 * KIB).open()
    rig.put(*range(1, 41), padding=KIB)
    lost = rig.counters.losses["spool_full"]
    assert rig.spool.give_up("a", ORDINARY) == (0, 40 - lost)
    rig.put(1, lane=URGENT, padding=4 * KIB)
    assert await rig.read(lane=URGENT) == [1]
    await rig.spool.aclose(1)
    rig = await rig.again()
    assert await rig.read() == list(range(lost + 1, 41))


async def test_what_was_acknowledged_before_an_end_in_order_is_written_down(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1, 2, 3)
    await rig.read(most=2)
    await rig.spool.aclose(1)
    rig = await rig.again()
    assert await rig.read() == [3]


async def test_acknowledgements_are_written_down_again_and_again(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1, 2, 3)
    for _ in range(2):
        await rig.read(most=1)
        rig.timers.pass_time(spool.SAVE_S)
    rig = await rig.again()
    assert await rig.read() == [3]


async def test_destinations_that_take_turns_have_each_segment_read_once(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, names=("a", "b"), memory=64 * KIB).open()
    rig.put(*range(1, 5), padding=KIB)
    rig.put(*range(1, 5), lane=URGENT, padding=KIB)
    before = rig.worker.jobs
    for lane in (ORDINARY, URGENT):
        for _ in range(3):
            for name in ("a", "b"):
                assert await rig.spool.read(name, lane) is not None
    assert rig.worker.jobs - before == 4
    for name in ("a", "b"):
        for lane in (ORDINARY, URGENT):
            await rig.read(name, lane)
    assert not rig.spool._loaded, "what was read takes no memory"


async def test_a_disk_that_answers_too_late_has_cost_a_segment_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "READ_S", 0.01)
    rig = await SpoolRig(tmp_path, memory=64 * KIB).open()
    rig.put(*range(1, 4), padding=KIB)
    rig.put(4, padding=2 * KIB)
    rig.worker.held = True
    assert await rig.spool.read("a", ORDINARY) is None
    assert rig.counters.losses == {"spool_unreadable": 4}
    rig.worker.let_go()
    rig.put(5)
    assert await rig.read() == [5]


async def test_acknowledgements_are_written_down_once_a_second_however_many(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(*range(1, 11))
    rig.timers.pass_time(spool.SAVE_S)
    before = rig.worker.jobs
    await rig.read()
    rig.timers.pass_time(spool.SAVE_S)
    assert rig.worker.jobs - before == 1


async def test_what_was_found_is_on_disk_until_it_is_delivered(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, names=("a", "b")).open()
    rig.put(1, 2)
    rig = await rig.again()
    assert rig.spool.is_saved(ORDINARY, 2)
    assert rig.spool.give_up("a", ORDINARY) == (0, 2)
    rig = await rig.again()
    for name in ("a", "b"):
        assert len(rig.files()) == 1
        assert await rig.read(name) == [1, 2]
    assert rig.files() == []


async def test_what_was_found_counts_towards_the_bound_of_the_disk(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, memory=64 * KIB).open()
    rig.put(*range(1, 21), padding=KIB)
    rig = await rig.again(disk=8 * KIB)
    rig.put(21)
    below = tmp_path / "fargate-sensor-spool"
    assert sum((below / name).stat().st_size for name in rig.files()) <= 8 * KIB
    found = await rig.read()
    assert found == list(range(22 - len(found), 22))
    assert rig.counters.losses["spool_full"] == 21 - len(found)
