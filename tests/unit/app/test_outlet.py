"""The way out as a whole: what goes to which destination, what is left out, and what the end leaves behind."""

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes_pipeline import HEADER, LIMITS, FakeShipper, event, unsealed
from running import until

from sensor.app.outlet import Outlet
from sensor.config.handover import Handover, View
from sensor.config.settings import Settings
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.errors import DestinationGone, PermanentError, RetryableError
from sensor.model.kinds import Kind, Lane
from sensor.model.protocols import Encoding
from sensor.model.resolution import MOST, Resolution
from shippers import registry


class Rig:
    """An outlet with a fake ingest and a fake standard output."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.ingest = FakeShipper()
        self.ingest.name = "ingest_http"
        self.stdout = FakeShipper(encoding=Encoding.JSON, limits=LIMITS)
        self.stdout.name = "stdout"
        view, settings_are_wrong = settings.pop("view", View.NONE), settings.pop("parked", ())
        monkeypatch.setitem(registry.FACTORIES, "ingest_http", lambda *_: self.ingest)  # type: ignore[arg-type]
        monkeypatch.setitem(registry.FACTORIES, "stdout", lambda *_: self.stdout)  # type: ignore[arg-type]
        self.counters = Counters()
        handover = Handover(Settings(**settings), settings_are_wrong, view)
        self.resolution = Resolution()
        self.outlet = Outlet(
            handover,
            header=lambda: HEADER,
            counters=self.counters,
            clock=SystemClock(),
            resolution=self.resolution,
        )

    def put(self, *kinds: Kind) -> None:
        for kind in kinds:
            self.outlet.put(event(kind))

    def ingested(self) -> list[str]:
        return sorted(e.kind for records in self.ingest.sent for record in records for e in unsealed(record).events)

    def printed(self) -> list[str]:
        return sorted(json.loads(record)["kind"] for records in self.stdout.sent for record in records)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[bool]"]:
        await self.outlet.open()
        task = asyncio.create_task(self.outlet.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.outlet.aclose()


BOTH = ("ingest_http", "stdout")


async def test_standard_output_gets_detections_and_health_and_the_ingest_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig(monkeypatch, destinations=BOTH)
    async with rig.running():
        rig.put(Kind.PROCESS_EXEC, Kind.DETECTION, Kind.SENSOR_HEARTBEAT, Kind.FILE_CREATE, Kind.SENSOR_LOSS)
        await rig.outlet.flush(20)
    assert rig.ingested() == ["detection", "file.create", "process.exec", "sensor.heartbeat", "sensor.loss"]
    assert rig.printed() == ["detection", "sensor.heartbeat", "sensor.loss"]
    assert not rig.counters.losses


@pytest.mark.parametrize("settings", [{"stdout_all": True}, {"view": View.JSON}])
async def test_standard_output_gets_everything_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    rig = Rig(monkeypatch, destinations=("stdout",), **settings)
    async with rig.running():
        rig.put(Kind.PROCESS_EXEC, Kind.DETECTION)
        await rig.outlet.flush(20)
    assert rig.printed() == ["detection", "process.exec"]


async def test_what_nobody_wants_is_not_even_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, destinations=("stdout",))
    async with rig.running():
        rig.put(Kind.PROCESS_EXEC, Kind.SENSOR_HEARTBEAT)
        await rig.outlet.flush(20)
    (record,) = (json.loads(record) for records in rig.stdout.sent for record in records)
    assert (record["kind"], record["seq"]) == ("sensor.heartbeat", 1)
    assert rig.counters.seen["unwanted"] == 1


async def test_what_is_filtered_leaves_no_hole_in_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, drop_kinds=("file.create",))
    async with rig.running():
        rig.put(Kind.PROCESS_EXEC, Kind.FILE_CREATE, Kind.PROCESS_EXIT)
        await rig.outlet.flush(20)
    (batch,) = (unsealed(record) for records in rig.ingest.sent for record in records)
    assert [e.seq for e in batch.events] == [1, 2]
    assert rig.counters.seen["filtered.kind"] == 1


@pytest.mark.parametrize(("view", "level"), [(View.NONE, "WARNING"), (View.PERSON, "INFO")])
async def test_a_destination_that_is_gone_does_not_end_the_others_and_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, view: View, level: str
) -> None:
    caplog.set_level("INFO")
    rig = Rig(monkeypatch, destinations=BOTH)
    rig.outlet._handover = rig.outlet._handover._replace(view=view)  # a view has one destination only
    rig.stdout._outcomes = [DestinationGone("closed")]
    async with rig.running() as running:
        rig.put(Kind.DETECTION)
        await until(lambda: rig.ingested() == ["detection"] and rig.stdout.sent, "both were tried")
        rig.put(Kind.SENSOR_LOSS)
        await until(lambda: len(rig.ingested()) == 2, "the ingest still gets what comes")
        assert not running.done()
        await rig.outlet.flush(20)
        assert await running
    assert len(rig.stdout.sent) == 1
    told = [(r.levelname, r.getMessage()) for r in caplog.records if "is gone" in r.getMessage()]
    assert told == [(level, "stdout is gone, and nothing is sent there any more: closed")]


async def test_the_run_ends_with_the_last_destination(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, destinations=("stdout",))
    rig.stdout._outcomes = [DestinationGone("closed")]
    async with rig.running() as running:
        rig.put(Kind.DETECTION)
        assert await running is False


async def test_without_any_destination_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, destinations=())
    async with rig.running() as running:
        assert await running is True


async def test_a_second_flush_delivers_the_last_word_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch)
    rig.ingest._outcomes = [RetryableError("down")] * 3
    async with rig.running():
        rig.put(Kind.PROCESS_EXEC)
        await rig.outlet.flush(0.05)
        assert rig.counters.losses == {"undelivered_at_stop": 1}
        rig.ingest._outcomes = []
        rig.put(Kind.SENSOR_STOP)
        sent = len(rig.ingest.sent)
        await rig.outlet.flush(20)
    assert [unsealed(r).events[0].kind for (r,) in rig.ingest.sent[sent:]] == ["sensor.stop"]


async def left_on_disk(monkeypatch: pytest.MonkeyPatch, spool_dir: Path, *kinds: Kind) -> Rig:
    """A sensor that has ended without its ingest."""
    rig = Rig(monkeypatch, spool_dir=str(spool_dir))
    rig.ingest.gate.clear()
    async with rig.running():
        rig.put(*kinds)
        rig.outlet._batcher.flush()
        await until(lambda: rig.outlet._spool.is_saved(event().lane, 1), "it is on disk")
        await rig.outlet.flush(0.1)
    return rig


async def test_what_the_end_leaves_on_disk_is_no_loss_and_comes_after_the_next_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = await left_on_disk(monkeypatch, tmp_path, Kind.PROCESS_EXEC, Kind.PROCESS_EXIT, Kind.DETECTION)
    assert first.counters.seen["left_in_spool"] == 3
    assert not first.counters.losses
    second = Rig(monkeypatch, spool_dir=str(tmp_path))
    async with second.running():
        await until(lambda: len(second.ingested()) == 3, "what was left arrives")
    assert not second.counters.losses


async def test_a_view_leaves_the_spool_to_the_sensor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    view = Rig(monkeypatch, view=View.JSON, destinations=("stdout",), spool_dir=str(tmp_path))
    async with view.running():
        view.put(Kind.PROCESS_EXEC)
        await view.outlet.flush(20)
    assert (view.printed(), os.listdir(tmp_path)) == (["process.exec"], [])


async def test_the_report_of_the_start_says_that_earlier_kills_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rig = Rig(monkeypatch, spool_dir=str(tmp_path))
    told = list[int]()
    monkeypatch.setattr(rig.outlet._spool, "reports", told.append)
    async with rig.running():
        rig.put(Kind.DETECTION, Kind.SENSOR_LOSS, Kind.SENSOR_START, Kind.PROCESS_EXEC, Kind.SENSOR_HEARTBEAT)
    assert told == [3]


async def test_a_parked_sensor_leaves_what_waits_to_the_next_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await left_on_disk(monkeypatch, tmp_path, Kind.PROCESS_EXEC)
    parked = Rig(monkeypatch, spool_dir=str(tmp_path), destinations=("stdout",), parked=("ingest_url: missing",))
    async with parked.running():
        parked.put(Kind.SENSOR_START)
        await parked.outlet.flush(20)
    assert parked.printed() == ["sensor.start"]
    second = Rig(monkeypatch, spool_dir=str(tmp_path))
    async with second.running():
        await until(lambda: second.ingested() == ["process.exec"], "what was left arrives")


async def test_without_a_thread_for_the_disk_events_go_by_way_of_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def no_thread(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    rig = Rig(monkeypatch, spool_dir=str(tmp_path))
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    async with rig.running():
        rig.put(Kind.PROCESS_EXEC)
        await rig.outlet.flush(20)
    assert rig.ingested() == ["process.exec"]
    assert "events are kept in memory: can't start new thread" in caplog.text


async def test_the_last_word_takes_nothing_along_that_was_told_as_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = Rig(monkeypatch, spool_dir=str(tmp_path))
    first.ingest._outcomes = [RetryableError("down")] * 9
    async with first.running():
        first.put(Kind.DETECTION, Kind.DETECTION)
        first.outlet._batcher.flush()
        await until(lambda: first.outlet._spool.is_saved(Lane.URGENT, 1), "it is on disk")
        await first.outlet.flush(0.1)
        assert first.counters.seen["left_in_spool"] == 2
        first.ingest._outcomes = []
        first.put(Kind.SENSOR_STOP)
        sent = len(first.ingest.sent)
        await first.outlet.flush(20)
        assert [unsealed(r).events[0].kind for (r,) in first.ingest.sent[sent:]] == ["sensor.stop"]
    second = Rig(monkeypatch, spool_dir=str(tmp_path))
    async with second.running():
        await until(lambda: len(second.ingested()) == 3, "what was left arrives, and the last word again")
    assert second.ingested() == ["detection", "detection", "sensor.stop"]
    assert not second.counters.losses


async def test_the_budget_counts_what_is_sealed_and_a_view_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, daily_mb=1.0)
    async with rig.running():
        rig.put(Kind.PROCESS_EXEC)
        await rig.outlet.flush(20)
    used = rig.outlet.budget.used()
    assert used is not None
    assert used == pytest.approx(len(rig.ingest.sent[0][0]) / 1e6)
    assert Rig(monkeypatch, view=View.JSON).outlet.budget.used() is None


async def test_a_refused_batch_is_set_aside_for_this_destination_only(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, destinations=BOTH)
    rig.ingest._outcomes = [PermanentError("no")]
    async with rig.running():
        rig.put(Kind.DETECTION)
        await rig.outlet.flush(20)
    assert rig.counters.losses == {"refused": 1}
    assert rig.printed() == ["detection"]


async def test_opens_that_are_given_up_are_counted_and_nothing_else_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig(monkeypatch)
    rig.resolution.level = MOST
    async with rig.running():
        rig.put(Kind.FILE_OPEN, Kind.DETECTION, Kind.FILE_CREATE, Kind.PROCESS_EXEC, Kind.POSTURE)
        await rig.outlet.flush(20)
    assert rig.ingested() == ["detection", "file.create", "posture", "process.exec"]
    assert rig.counters.losses == {"given_up": 1}


async def test_folding_that_is_the_governors_keeps_every_count(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch)
    rig.resolution.level = MOST
    async with rig.running():
        rig.put(*[Kind.FILE_CREATE] * 5)
        await rig.outlet.flush(20)
    sent = [e for records in rig.ingest.sent for record in records for e in unsealed(record).events]
    assert [e.count for e in sent] == [1, 4]


async def test_less_is_kept_while_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, spool_bytes=64 * 1024)
    rig.outlet.keep_less(True)
    for number in range(200):
        rig.outlet.put(event(Kind.FILE_CREATE, source=os.urandom(512).hex() + str(number)))
        rig.outlet._batcher.flush()
    assert 0 < rig.counters.losses["spool_full"] < 200
    lost = rig.counters.losses["spool_full"]
    rig.outlet.keep_less(False)
    for _ in range(20):
        rig.outlet.put(event(Kind.FILE_CREATE, source=os.urandom(512).hex()))
        rig.outlet._batcher.flush()
    assert rig.counters.losses["spool_full"] == lost
