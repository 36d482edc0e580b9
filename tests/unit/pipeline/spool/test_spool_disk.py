"""The spool on disk: what was written is there after a kill, damage costs only itself, and losses are bounded."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes_spool import KIB, ORDINARY, URGENT, SpoolRig

from sensor.pipeline.spool import spool
from sensor.pipeline.spool.directory import MOST_FILES

NAME = "fargate-sensor-spool"
CURSORS = ("", "[]", "{", '{"a": {"urgent": 1}}', '{"a": 7}', "[" * 50_000, '{"a": {"urgent": "x", "ordinary": 1}}')


async def test_what_was_spooled_is_there_after_a_kill(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    given = rig.put(*range(1, 101), padding=KIB) + rig.put(1, 2, lane=URGENT)
    rig = await rig.again()
    found = []
    for lane in (ORDINARY, URGENT):
        while (record := await rig.spool.read("a", lane)) is not None:
            found.append(record.sealed)
    assert found == given


async def test_what_was_acknowledged_is_not_read_again_once_it_is_written_down(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, names=("a", "b")).open()
    rig.put(1, 2, 3)
    assert await rig.read("a", most=2) == [1, 2]
    rig.timers.pass_time(1)
    rig = await rig.again()
    assert await rig.read("a") == [3]
    assert await rig.read("b") == [1, 2, 3]


async def test_a_segment_goes_when_everyone_has_acknowledged_it(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, names=("a", "b"), memory=64 * KIB).open()
    rig.put(*range(1, 41), padding=KIB)
    full = rig.files()
    assert len(full) > 5
    await rig.read("a")
    assert rig.files() == full
    await rig.read("b")
    assert len(rig.files()) <= 1


async def test_positions_go_on_after_everything_was_delivered(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(*range(1, 50), padding=KIB)
    await rig.read()
    rig.timers.pass_time(1)
    rig = await rig.again()
    assert await rig.read() == []
    rig.put(50)
    rig = await rig.again()
    assert await rig.read() == [50]


async def test_positions_begin_at_one(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1)
    assert rig.files() == ["ordinary-0000000000000001.part"]


async def test_memory_holds_little_while_the_disk_takes_much(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, memory=64 * KIB).open()
    rig.put(*range(1, 501), padding=KIB)
    assert sum(rig.spool.held(lane) for lane in (URGENT, ORDINARY)) < 8 * KIB
    assert await rig.read() == list(range(1, 501))
    assert not rig.counters.losses


async def test_a_segment_that_is_on_disk_takes_no_memory(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, memory=64 * KIB).open()
    rig.put(1, padding=5 * KIB)
    assert rig.spool.held(ORDINARY) == 0


async def test_the_disks_bound_drops_the_oldest_ordinary_segments(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, memory=64 * KIB, disk=100 * KIB).open()
    rig.put(*range(1, 21), lane=URGENT, padding=KIB)
    rig.put(*range(1, 201), padding=KIB)
    assert sum((tmp_path / NAME / name).stat().st_size for name in rig.files()) <= 100 * KIB
    left = await rig.read()
    assert left[-1] == 200
    assert rig.counters.losses == {"spool_full": 200 - len(left)}
    assert await rig.read(lane=URGENT) == list(range(1, 21))


async def test_no_more_segments_are_kept_than_the_next_start_would_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 16 * 2**30 // spool.MOST_SEGMENT < spool.MOST_SEGMENTS < MOST_FILES  # SENSOR_SPOOL_DISK_BYTES, at most
    monkeypatch.setattr(spool, "MOST_SEGMENTS", 5)
    rig = await SpoolRig(tmp_path, memory=64 * KIB).open()
    rig.put(*range(1, 9), padding=spool.LEAST_SEGMENT)
    assert len(rig.files()) == 5
    assert rig.counters.losses == {"spool_full": 3}


async def test_a_torn_end_is_cut_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1, 2, 3)
    (part,) = rig.files()
    path = tmp_path / NAME / part
    os.truncate(path, path.stat().st_size - 5)
    rig = await rig.again()
    assert await rig.read() == [1, 2]
    assert "a torn end was cut off" in caplog.text
    assert "spool_corrupt" not in rig.counters.losses


async def test_a_damaged_record_is_passed_over_and_counted(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1)
    rig.batch(2, 3, 4, padding=100)
    rig.put(5)
    path = tmp_path / NAME / rig.files()[0]
    raw = bytearray(path.read_bytes())
    raw[raw.index(bytes(100))] ^= 1
    path.write_bytes(raw)
    rig = await rig.again()
    assert rig.counters.losses["spool_corrupt"] == 3
    assert await rig.read() == [1, 5]
    assert rig.counters.losses["spool_corrupt"] == 3


async def test_a_segment_without_a_sound_record_is_counted_once_and_gone(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.batch(1, 2, 3)
    path = tmp_path / NAME / rig.files()[0]
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    rig = await rig.again()
    assert rig.counters.losses["spool_corrupt"] == 3
    assert rig.files() == []
    rig = await rig.again()
    assert "spool_corrupt" not in rig.counters.losses
    rig.put(4)
    assert await rig.read() == [4]


async def test_damage_after_the_start_is_counted_when_it_is_met(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, memory=64 * KIB).open()
    rig.batch(1, 2, 3, padding=KIB)
    rig.put(*range(4, 41), padding=KIB)
    path = tmp_path / NAME / rig.files()[0]
    raw = bytearray(path.read_bytes())
    raw[raw.index(bytes(KIB))] ^= 1
    path.write_bytes(raw)
    assert await rig.read() == list(range(4, 41))
    assert rig.counters.losses == {"spool_corrupt": 3}


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (os.unlink, "spool_unreadable"),
        (lambda path: os.truncate(path, 0), "spool_corrupt"),
        (lambda path: os.truncate(path, 10**9), "spool_unreadable"),
    ],
)
async def test_a_segment_that_is_taken_away_is_counted_and_the_rest_survives(
    tmp_path: Path, harm: Callable[[Path], None], reason: str
) -> None:
    rig = await SpoolRig(tmp_path, memory=64 * KIB).open()
    rig.put(*range(1, 41), padding=KIB)
    harm(tmp_path / NAME / rig.files()[0])
    found = await rig.read()
    assert found == list(range(41 - len(found), 41))
    assert 30 < len(found) < 40
    assert rig.counters.losses == {reason: 40 - len(found)}


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
async def test_everything_is_private(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, memory=64 * KIB).open()
    rig.put(*range(1, 20), padding=KIB)
    await rig.read(most=2)
    rig.timers.pass_time(1)
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o700
    files = list((tmp_path / NAME).iterdir())
    assert {"lock", "marks", "cursors"} < {file.name for file in files}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


async def test_a_directory_in_use_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = await SpoolRig(tmp_path).open()
    second = await SpoolRig(tmp_path).open()
    assert not second.opened
    assert "is in use by another sensor" in caplog.text
    second.put(1)
    first.put(2)
    assert await second.read() == [1]
    assert await first.read() == [2]


async def test_symlinks_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / NAME).symlink_to(outside)
    rig = await SpoolRig(tmp_path / "v").open()
    assert not rig.opened
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["marks", "cursors", "ordinary-0000000000000001.part", "ordinary-0000000000000001.seg", "cursors.new"]
)
async def test_a_symlink_or_a_pipe_in_the_place_of_a_file_harms_nobody(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    for number, make in enumerate((lambda p: p.symlink_to(victim), os.mkfifo, os.mkdir, lambda p: os.link(victim, p))):
        below = tmp_path / str(number)
        (below / NAME).mkdir(parents=True, mode=0o700)
        make(below / NAME / name)
        rig = await SpoolRig(below).open()
        rig.put(1, 2)
        assert await rig.read() == [1, 2]
        rig.timers.pass_time(1)
    assert victim.read_text() == "untouched"


async def test_cursors_from_elsewhere_are_bounded(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    for content in CURSORS:
        (tmp_path / NAME / "cursors").write_text(content)
        rig = await rig.again()
        rig.put(1)
        assert (await rig.read())[-1] == 1
    (tmp_path / NAME / "cursors").write_text('{"a": {"urgent": 1e300, "ordinary": 99999999999999999999999}}')
    rig = await rig.again()
    rig.put(1)
    assert (await rig.read())[-1] == 1


async def test_segments_that_claim_the_same_place_or_a_far_one(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1, 2, 3)
    raw = (tmp_path / NAME / rig.files()[0]).read_bytes()
    for name in ("ordinary-0000000000000002.seg", "ordinary-ffffffffffffffff.seg", "urgent-0000000000000001.seg"):
        (tmp_path / NAME / name).write_bytes(raw)
    rig = await rig.again()
    assert await rig.read() == [1, 2, 3]
    rig.put(4)
    assert await rig.read() == [4]
    assert await rig.read(lane=URGENT) == []


async def test_what_waited_for_a_destination_that_was_removed_is_lost_and_told_once(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, names=("a", "b"), memory=64 * KIB).open()
    rig.batch(1, 2, 3)
    rig.put(*range(4, 14), padding=KIB)  # more than one segment
    rig.batch(1, 2, lane=URGENT)
    assert len(rig.files()) > 2
    await rig.read("b", most=1)
    await rig.spool.aclose(1)
    rig = await rig.again(names=("a",))
    assert rig.counters.losses == {"destination_removed": 12}
    assert len(await rig.read("a")) == 11, "the other's wait for it as before"
    await rig.spool.aclose(1)
    rig = await rig.again(names=("a",))
    assert not rig.counters.losses
