"""What a sensor tells of the spool that it takes over, and what it counts as lost by the one before it."""

import logging
import struct
import time
from pathlib import Path
from zlib import crc32

import pytest
from fakes import FakeClock
from fakes_spool import ORDINARY, URGENT, FakeWorker, SpoolRig

from sensor.model.counters import Counters
from sensor.pipeline.spool import marks
from sensor.pipeline.spool.directory import SpoolDirectory
from sensor.pipeline.spool.disk import Disk
from sensor.pipeline.spool.marks import BEYOND, CLEAN, MAGIC, MARKS_BYTES, Mark, Marks
from sensor.pipeline.spool.opening import open_directory
from sensor.pipeline.spool.spool import MOST_SEGMENT
from sensor.pipeline.spool.worker import DiskThread

NAME = "fargate-sensor-spool"


@pytest.fixture(autouse=True)
def _all_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def write_marks(below: Path, given: Marks) -> None:
    (below / NAME / "marks").write_bytes(marks.packed(given))


async def test_the_events_of_an_earlier_run_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.batch(1, 2, 3)
    rig.batch(1, 2, lane=URGENT)
    await rig.spool.aclose(1)
    assert caplog.messages == []
    await rig.again()
    assert caplog.messages == [
        "spool: 5 events of an earlier run are delivered now, unless they were taken already",
    ]


async def test_what_is_damaged_or_torn_is_told_in_places_and_counted_in_events(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.batch(1, 2, 3, padding=100)
    rig.put(4)
    path = tmp_path / NAME / rig.files()[0]
    raw = bytearray(path.read_bytes())
    raw[raw.index(bytes(100))] ^= 1
    path.write_bytes(raw + b"torn!")
    await rig.spool.aclose(1)
    rig = await rig.again()
    assert caplog.messages[1:] == [
        "spool: a torn end was cut off: 5 bytes",
        "spool: 1 damaged places passed over",
    ]
    assert rig.counters.losses == {"spool_corrupt": 3}


async def test_a_damaged_place_of_unknown_events_counts_as_one(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1, 2)
    path = tmp_path / NAME / rig.files()[0]
    path.write_bytes(b"junk" + path.read_bytes())
    await rig.spool.aclose(1)
    rig = await rig.again()
    assert rig.counters.losses == {"spool_corrupt": 1}
    assert await rig.read() == [1, 2]


@pytest.mark.parametrize(
    ("flags", "spooled", "losses"),
    [
        (0, 7, {"killed": 2, "killed_unnumbered": 1}),
        (0, 9, {"killed_unnumbered": 1}),
        (BEYOND, 7, {"killed": 2, "killed_unnumbered": 1, "killed_unbounded": 1}),
        (CLEAN, 7, {}),
        (CLEAN | BEYOND, 7, {}),
    ],
)
async def test_what_a_kill_has_cost_is_told_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, flags: int, spooled: int, losses: dict[str, int]
) -> None:
    rig = await SpoolRig(tmp_path).open()
    write_marks(tmp_path, Marks(Mark(4, 4), Mark(spooled, 9), flags))
    rig = await rig.again()
    assert rig.counters.losses == losses
    assert caplog.messages == [
        f"the sensor before this one was killed: at most {9 - spooled} numbered events were not spooled"
    ] * bool(losses)


async def test_a_directory_that_cannot_be_read_is_told_and_let_go_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Disk, looked: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Disk, "recover", fails)
        rig = await SpoolRig(tmp_path).open()
    assert not rig.opened
    assert caplog.messages == [
        "the spool directory cannot be used, events are kept in memory: [Errno 5] Input/output error"
    ]
    assert (await SpoolRig(tmp_path).open()).opened, "nobody holds it"


async def test_a_directory_that_fails_too_late_was_told_already(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    worker = FakeWorker()
    worker.held = True
    missing = tmp_path / "missing"
    opened = await open_directory(str(missing), worker, clock=FakeClock(), counters=Counters(), patience=0.01)
    worker.let_go()
    assert opened is None
    assert caplog.messages == [
        f"the spool directory cannot be used, events are kept in memory: {missing} does not answer within 0.01 s"
    ]


async def test_a_large_directory_may_take_longer_while_its_files_are_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1, 2, 3, padding=MOST_SEGMENT)
    await rig.spool.aclose(1)
    read = SpoolDirectory.read

    def slowly(self: SpoolDirectory, name: str, most: int) -> bytes:
        time.sleep(0.3)
        return read(self, name, most)

    monkeypatch.setattr(SpoolDirectory, "read", slowly)
    thread, counters = DiskThread(), Counters()
    opened = await open_directory(str(tmp_path), thread, clock=FakeClock(), counters=counters, patience=0.75)
    assert opened is not None
    assert len(opened.found.segments) == 3
    opened.saver.close(thread.close)


def test_marks_bound_each_lane_by_itself() -> None:
    assert Marks(Mark(5, 9), Mark(7, 3)).unspooled() == 4
    assert Marks(Mark(9, 9), Mark(7, 10)).unspooled() == 3
    assert Marks(Mark(5, 9), Mark(7, 10)).unspooled() == 7


def test_marks_move_a_lane_at_a_time() -> None:
    moved = Marks(flags=BEYOND).moved(ORDINARY, Mark(1, 2)).moved(URGENT, Mark(3, 4))
    assert moved == Marks(Mark(3, 4), Mark(1, 2), BEYOND)
    assert (moved.lane(URGENT), moved.lane(ORDINARY)) == (Mark(3, 4), Mark(1, 2))


def test_marks_with_another_beginning_are_none_though_their_sum_is_right() -> None:
    body = marks.packed(Marks())[:-4]
    for magic, read in ((MAGIC, True), (b"fgM2", False)):
        changed = magic + body[4:]
        assert (marks.unpacked(changed + struct.pack("<I", crc32(changed))) is not None) is read
    assert marks.unpacked(marks.packed(Marks()) + b"\0") is None
    assert len(body) + 4 == MARKS_BYTES == 100


def test_what_was_the_epoch_before_is_passed_over() -> None:
    raw = bytearray(marks.packed(Marks(Mark(1, 2), Mark(3, 4), BEYOND)))
    assert raw[5:64] == bytes(59)
    raw[8:27] = b"e" * 19
    raw[96:] = struct.pack("<I", crc32(raw[:96]))
    assert marks.unpacked(bytes(raw)) == Marks(Mark(1, 2), Mark(3, 4), BEYOND)
