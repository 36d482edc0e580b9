"""A disk that is full, read-only, slow, or hangs: memory takes over, that is told once, and nothing else happens."""

import asyncio
import errno
import logging
import os
import threading
from pathlib import Path

import pytest
from fakes import FakeClock
from fakes_spool import KIB, ORDINARY, FakeWorker, SpoolRig
from running import until

from sensor.model.counters import Counters
from sensor.model.errors import RetryableError
from sensor.model.kinds import Lane
from sensor.pipeline.spool.directory import SpoolDirectory
from sensor.pipeline.spool.disk import Disk
from sensor.pipeline.spool.opening import open_directory
from sensor.pipeline.spool.record import Record
from sensor.pipeline.spool.saver import RETRY_S, SLOW_S
from sensor.pipeline.spool.worker import DiskThread

FULL = OSError(28, "No space left on device")


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_full_disk_is_told_once_and_memory_takes_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.put(1, 2)
    rig.worker.fault = FULL
    rig.put(*range(3, 50))
    assert await rig.read() == list(range(1, 50))
    assert len(complaints(caplog)) == 1
    assert "the spool directory cannot be used, events are kept in memory: [Errno 28]" in complaints(caplog)[0]
    assert not rig.counters.losses


async def test_in_memory_the_bound_holds_again(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, memory=64 * KIB).open()
    rig.worker.fault = FULL
    rig.put(*range(1, 201), padding=KIB)
    found = await rig.read()
    assert found[-1] == 200
    assert rig.counters.losses == {"spool_full": 200 - len(found)}


async def test_the_disk_is_tried_again_and_its_return_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rig = await SpoolRig(tmp_path).open()
    rig.worker.fault = FULL
    rig.put(1, 2)
    rig.worker.fault = None
    rig.timers.pass_time(RETRY_S)
    rig.put(3)
    assert "the spool directory works again" in caplog.text
    rig = await rig.again()
    assert await rig.read() == [3]


async def test_a_segment_that_could_not_be_begun_takes_nothing_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig = await SpoolRig(tmp_path).open()
    begin, tried = SpoolDirectory.open, []

    def fails_once(self: SpoolDirectory, name: str, flags: int) -> int:
        if name.endswith(".part") and not tried:
            tried.append(name)
            raise FULL
        return begin(self, name, flags)

    monkeypatch.setattr(SpoolDirectory, "open", fails_once)
    rig.worker.held = True
    rig.put(1, 2)
    rig.worker.let_go()
    assert [rig.spool.is_saved(ORDINARY, position) for position in (1, 2)] == [False, False]
    assert rig.files() == []
    assert "[Errno 28]" in complaints(caplog)[0]
    assert rig.spool.give_up("a", ORDINARY) == (2, 0)


async def test_what_is_written_behind_a_gap_does_not_count_as_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await SpoolRig(tmp_path).open()
    write = Disk.append

    def fails_at_two(self: Disk, lane: Lane, first: int, written: Record) -> None:
        if written.position == 2:
            raise OSError("a fault that left the file open")
        write(self, lane, first, written)

    monkeypatch.setattr(Disk, "append", fails_at_two)
    rig.worker.held = True
    rig.put(1, 2, 3)
    rig.worker.let_go()
    assert [rig.spool.is_saved(ORDINARY, position) for position in (1, 2, 3)] == [True, False, False]
    assert rig.spool.give_up("a", ORDINARY) == (2, 1)


async def test_what_fails_meanwhile_does_not_put_the_next_try_off(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.worker.fault = FULL
    for seq in range(1, 31):
        rig.put(seq)
        rig.timers.pass_time(RETRY_S / 30)
    rig.worker.fault = None
    rig.put(31)
    assert rig.spool.is_saved(ORDINARY, 31)


async def test_what_was_on_disk_before_the_trouble_is_delivered_first(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, memory=64 * KIB).open()
    rig.put(*range(1, 31), padding=KIB)
    rig.worker.fault = FULL
    rig.put(*range(31, 41), padding=KIB)
    rig.worker.fault = None
    assert await rig.read() == list(range(1, 41))


async def test_a_slow_disk_gets_no_more_until_it_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.worker.held = True
    rig.put(1)
    rig.timers.pass_time(SLOW_S + 0.5)
    rig.put(2, 3)
    assert await rig.read() == [1, 2, 3]
    assert complaints(caplog) == [
        "the spool directory cannot be used, events are kept in memory: nothing was written for 2.5 s"
    ]
    rig.worker.let_go()
    rig.timers.pass_time(RETRY_S)
    rig.put(4)
    rig = await rig.again()
    assert (await rig.read())[-1] == 4


async def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no directory")
    for parent in (tmp_path / "missing", tmp_path / "file"):
        rig = await SpoolRig(parent).open()
        assert not rig.opened
        rig.put(1)
        assert await rig.read() == [1]
    assert len(complaints(caplog)) == 2


async def test_a_disk_that_does_not_answer_is_done_without(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    worker = FakeWorker()
    worker.held = True
    opened = await open_directory(str(tmp_path), worker, clock=FakeClock(), counters=Counters(), patience=0.01)
    assert opened is None
    assert "does not answer within 0.01 s" in caplog.text
    worker.let_go()
    again = await open_directory(str(tmp_path), FakeWorker(), clock=FakeClock(), counters=Counters())
    assert again is not None, "what came too late was let go of"


async def test_the_end_does_not_wait_for_a_disk_that_hangs(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path).open()
    rig.worker.held = True
    rig.put(1)
    async with asyncio.timeout(5):
        await rig.spool.aclose(0.01)


async def test_a_segment_that_gives_way_while_it_is_read(tmp_path: Path) -> None:
    rig = await SpoolRig(tmp_path, memory=64 * KIB, disk=100 * KIB).open()
    rig.put(*range(1, 61), padding=KIB)
    rig.worker.held = True
    reading = asyncio.ensure_future(rig.spool.read("a", ORDINARY))
    await asyncio.sleep(0)
    rig.worker.held = False
    rig.put(*range(61, 181), padding=KIB)
    rig.worker.let_go()
    record = await reading
    assert record is not None
    rig.spool.acknowledge("a", ORDINARY, record.position + 1)
    rest = await rig.read()
    assert rig.counters.losses == {"spool_full": record.sealed.first_seq - 1}
    assert rest == list(range(record.sealed.first_seq + 1, 181))


async def test_the_thread_answers_in_the_loop_in_order_and_survives_faults() -> None:
    thread = DiskThread()
    answers: list[object] = []
    places: set[int] = set()

    def work(n: int) -> int:
        places.add(threading.get_ident())
        return 10 // n

    for n in (1, 0, 2):
        thread.submit(lambda n=n: work(n), answers.append)  # type: ignore[misc]  # a default binds it
    await until(lambda: len(answers) == 3, "three answers")
    assert answers[0] == 10
    assert isinstance(answers[1], ZeroDivisionError)
    assert answers[2] == 5
    assert threading.get_ident() not in places
    thread.close()
    await until(lambda: not [t for t in threading.enumerate() if t.name == "spool"], "the thread ends")


@pytest.mark.parametrize("reason", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
async def test_what_cannot_be_read_for_want_of_descriptors_or_memory_is_read_later(tmp_path: Path, reason: int) -> None:
    rig = await (await before(tmp_path)).again()
    rig.worker.fault = OSError(reason, os.strerror(reason))
    with pytest.raises(RetryableError, match=f"the spool cannot be read now: {os.strerror(reason)}"):
        await rig.read()
    rig.worker.fault = None
    assert await rig.read() == [1, 2, 3]
    assert "spool_unreadable" not in rig.counters.losses


async def test_a_start_that_has_no_descriptor_for_a_segment_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig = await before(tmp_path)
    files = rig.files()

    def no_descriptor(_directory: SpoolDirectory, _name: str, _most: int) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(SpoolDirectory, "read", no_descriptor)
        rig = await rig.again()
    assert (rig.opened, rig.files()) == (False, files)
    assert complaints(caplog)[-1].endswith("Too many open files")
    assert await (await SpoolRig(tmp_path).open()).read() == [1, 2, 3]


async def test_a_damaged_disk_is_no_passing_trouble(tmp_path: Path) -> None:
    rig = await (await before(tmp_path)).again()
    rig.worker.fault = OSError(errno.EIO, "Input/output error")
    assert await rig.read() == []
    assert rig.counters.losses["spool_unreadable"] == 3


async def before(tmp_path: Path) -> SpoolRig:
    """A sensor that left three batches on disk."""
    rig = await SpoolRig(tmp_path).open()
    rig.put(1, 2, 3)
    return rig
