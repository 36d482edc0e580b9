"""What a kill has cost is bounded by the marks, and told by the sensor that starts after it."""

import asyncio
import errno
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fakes import FakeClock
from fakes_spool import KIB, ORDINARY, URGENT, SpoolRig
from hypothesis import given
from hypothesis import strategies as st

from sensor.model.counters import Counters
from sensor.pipeline.spool import disk, marks
from sensor.pipeline.spool.marks import BEYOND, CLEAN, MARKS_BYTES, MOST_UNTOLD, Mark, Marks
from sensor.pipeline.spool.opening import open_directory
from sensor.pipeline.spool.saver import AHEAD, RETRY_S
from sensor.pipeline.spool.worker import DiskThread

NAME = "fargate-sensor-spool"


@given(
    numbers=st.lists(st.integers(0, 2**64 - 1), min_size=5, max_size=5),
    flags=st.integers(0, 255),
)
def test_marks_come_back(numbers: list[int], flags: int) -> None:
    given_marks = Marks(Mark(*numbers[:2]), Mark(*numbers[2:4]), flags, numbers[4])
    raw = marks.packed(given_marks)
    assert len(raw) == MARKS_BYTES
    assert marks.unpacked(raw) == given_marks


@given(raw=st.binary(max_size=120))
def test_other_bytes_are_no_marks(raw: bytes) -> None:
    assert marks.unpacked(raw) is None


def flags(below: Path) -> int:
    """Those that a sensor which starts now would find."""
    found = marks.unpacked((below / NAME / "marks").read_bytes())
    assert found is not None
    return found.flags


def full_disk(fd: int, raw: bytes, at: int, write: Callable[[int, bytes, int], None] = disk._write_at) -> None:
    """There is room for marks, which overwrite themselves, and for no batch."""
    if len(raw) > MARKS_BYTES:
        raise OSError(errno.ENOSPC, "No space left on device")
    write(fd, raw, at)


async def test_numbered_events_that_were_not_spooled_are_bounded(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1, 2, 3)
    for seq in range(4, 10):
        rig.spool.numbered(ORDINARY, seq)
    rig.spool.numbered(URGENT, 1)
    rig = await rig.again()
    told = rig.counters.losses["killed"]
    assert 7 <= told <= 7 + 2 * AHEAD
    assert rig.counters.losses["killed_unnumbered"] == 1
    assert "killed_unbounded" not in rig.counters.losses


@pytest.mark.parametrize("burst", [10, 1_000, 50_000])
async def test_a_burst_is_within_the_bound_too(tmp_path: Path, burst: int) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1)
    for seq in range(2, 2 + burst):
        rig.spool.numbered(ORDINARY, seq)
    rig = await rig.again()
    assert burst <= rig.counters.losses["killed"] <= burst + 4096 + 2 * AHEAD


async def test_after_a_burst_the_bound_is_close_again(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    for seq in range(1, 20_001):
        rig.spool.numbered(ORDINARY, seq)
    for seq in range(20_001, 20_004):
        rig.timers.pass_time(2)
        rig.put(seq)
    rig = await rig.again()
    assert rig.counters.losses["killed"] <= 2 * AHEAD


async def test_an_end_in_order_has_cost_nothing(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1, 2)
    await rig.spool.aclose(1)
    rig = await rig.again()
    assert not rig.counters.losses
    assert await rig.read() == [1, 2]


async def test_events_kept_in_memory_only_make_the_bound_unknown(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1)
    rig.worker.fault = OSError("no space")
    rig.put(2)
    rig.worker.fault = None
    rig.put(3)
    rig = await rig.again()
    assert rig.counters.losses["killed_unbounded"] == 1
    assert await rig.read() == [1]


async def test_a_batch_that_the_disk_did_not_take_makes_the_bound_unknown_until_it_is_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1)
    with monkeypatch.context() as patched:
        patched.setattr(disk, "_write_at", full_disk)
        rig.batch(*range(2, 1002))
    assert flags(tmp_path) == BEYOND, "at once"
    rig.timers.pass_time(RETRY_S)
    rig.put(1002)
    assert flags(tmp_path) == BEYOND, "though numbers behind it are spooled"
    assert await rig.read(most=2) == [1, 2]
    rig.put(1003)
    assert flags(tmp_path) == 0
    rig.batch(1004, 1005)
    with monkeypatch.context() as patched:
        patched.setattr(disk, "_write_at", full_disk)
        rig.batch(*range(1006, 2006))
    rig = await rig.again()
    assert rig.counters.losses["killed_unbounded"] == 1
    assert await rig.read() == [1002, 1003, 1004]


async def test_what_fails_while_the_end_is_written_down_leaves_it_a_clean_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.worker.held = True
    rig.put(1)
    monkeypatch.setattr(disk, "_write_at", full_disk)
    await rig.spool.aclose(0.01)
    rig.worker.let_go()
    assert flags(tmp_path) == CLEAN | BEYOND


async def lost_in_memory(rig: SpoolRig) -> None:
    rig.worker.fault = OSError("no space")
    rig.put(100)
    rig.worker.fault = None
    rig.put(101)


async def marks_damaged(rig: SpoolRig) -> None:
    assert rig.directory is not None
    (rig.directory / NAME / "marks").write_bytes(bytes(MARKS_BYTES))


@pytest.mark.parametrize("harm", [lost_in_memory, marks_damaged])
async def test_what_a_kill_has_cost_is_told_by_whoever_lives_to_tell_it(
    tmp_path: Path, harm: Callable[[SpoolRig], Awaitable[None]]
) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1)
    for seq in range(2, 1_000):
        rig.spool.numbered(ORDINARY, seq)
    for _ in range(3):  # out of memory at each start, say
        rig = await rig.again()
        assert 998 <= rig.counters.losses["killed"] <= 998 + 4096 + 8 * AHEAD
        assert "killed_unbounded" not in rig.counters.losses
    await harm(rig)
    for _ in range(3):
        rig = await rig.again()
        assert rig.counters.losses["killed_unbounded"] == 1


async def test_it_is_told_once_that_the_report_is_on_disk(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    await lost_in_memory(rig)
    for seq in range(102, 1_000):
        rig.spool.numbered(ORDINARY, seq)
    rig = await rig.again()
    rig.put(1, lane=URGENT)
    rig.spool.reports(3)
    rig.put(2, lane=URGENT)
    rig.put(3)
    rig = await rig.again()
    assert rig.counters.losses["killed"] > 898, "a detection is no report"
    rig.spool.reports(1)
    rig.put(1, lane=URGENT)
    rig = await rig.again()
    assert rig.counters.losses["killed"] <= 4 * AHEAD
    assert "killed_unbounded" not in rig.counters.losses


async def test_marks_that_nobody_can_have_written_hand_on_what_can_be_written(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    most = 2**64 - 1
    absurd = Marks(Mark(0, most), Mark(0, most), untold=most)
    (tmp_path / NAME / "marks").write_bytes(marks.packed(absurd))
    rig = await rig.again()
    found = marks.unpacked((tmp_path / NAME / "marks").read_bytes())
    assert found == Marks(Mark(0, AHEAD), Mark(0, AHEAD), untold=MOST_UNTOLD)


async def test_damaged_marks_make_the_bound_unknown(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1)
    (tmp_path / NAME / "marks").write_bytes(bytes(MARKS_BYTES))
    rig = await rig.again()
    assert rig.counters.losses == {"killed_unbounded": 1}


async def test_a_first_start_has_lost_nothing(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    assert not rig.counters.losses
    assert marks.unpacked((tmp_path / NAME / "marks").read_bytes()) == Marks(Mark(0, AHEAD), Mark(0, AHEAD))


async def test_after_a_clean_end_nothing_more_is_asked_of_the_disk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    thread, written, closed = DiskThread(), threading.Event(), asyncio.Event()
    opened = await open_directory(str(tmp_path), thread, clock=FakeClock(), counters=Counters())
    assert opened is not None
    thread.submit(written.set, lambda _answer: None)
    assert written.wait(5)  # the first marks are, and the loop has not heard of it
    opened.saver.close(closed.set)
    await closed.wait()
    asked = asyncio.Event()
    thread.submit(lambda: None, lambda _answer: asked.set())
    await asked.wait()
    thread.close()
    assert caplog.messages == []


async def test_a_clean_end_says_so_in_the_file(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1, padding=KIB)
    await rig.spool.aclose(1)
    found = marks.unpacked((tmp_path / NAME / "marks").read_bytes())
    assert found is not None
    assert found.flags == CLEAN
    assert found.ordinary.spooled == 1
