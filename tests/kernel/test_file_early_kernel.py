"""What a container's program does before the sensor has come to it is told all the same."""

import os
import time
from pathlib import Path

import pytest
from file_scene import APP, FileScene, make_root, watching
from file_still import Still, handles

from collectors import file_watch
from collectors.file_hold_off import HOLD_OFF_S
from collectors.file_rescan import CLOCK_TICK_NS
from collectors.file_watch import RETRY_S
from sensor.model.events import Timestamp
from sensor.model.kinds import Kind
from sensor.model.protocols import Recent

pytestmark = pytest.mark.kernel

LATE = "late"
PID = os.getpid()
"""Whose mounts are looked at for what may hang."""

COARSE = 5
"""CLOCK_REALTIME_COARSE (include/uapi/linux/time.h), by which files are stamped."""


def tick() -> None:
    """Let the kernel's coarse clock come past the present time."""
    begin = time.time_ns()
    while time.clock_gettime_ns(COARSE) <= begin:
        time.sleep(0.001)


def come(scene: FileScene, root: Path, started: int | None) -> None:
    """A container with one process is seen now."""
    process = scene.task.add(PID, LATE)
    scene.task.processes[PID] = process._replace(start=None if started is None else Timestamp(started))
    scene.task.start_container(LATE, os.open(root, os.O_PATH | os.O_DIRECTORY))


async def test_what_came_and_what_changed_since_the_start_is_told(tmp_path: Path) -> None:
    root = make_root(tmp_path / LATE)
    (root / "etc/old").touch()
    (root / "etc/changed").write_text("as in the image")
    async with watching(make_root(tmp_path / "app")) as scene:
        tick()
        started = time.time_ns()
        tick()
        (root / "etc/cron.d/planted").touch()
        (root / "etc/changed").write_text("and not any more")
        (root / "tmp/notes").write_text("no program")
        (root / "tmp/tool").write_text("#!/bin/sh\n")
        come(scene, root, started)
        planted = await scene.tells("/etc/cron.d/planted", Kind.FILE_CREATE, LATE)
        await scene.tells("/etc/changed", Kind.FILE_MODIFY, LATE)
        await scene.tells("/tmp/tool", Kind.FILE_CREATE, LATE)
        (root / "etc/after").touch()
        await scene.tells("/etc/after", Kind.FILE_CREATE, LATE)
        assert planted.evidence.source == "scan"
        assert [scene.told(path, container=LATE) for path in ("/etc/old", "/etc/passwd", "/tmp/notes")] == [[], [], []]
        os.close(scene.task.roots[LATE])


@pytest.mark.parametrize("known", [True, False], ids=["started before", "start unknown"])
async def test_nothing_is_told_of_one_that_was_there_before(tmp_path: Path, known: bool) -> None:
    root = make_root(tmp_path / LATE)
    started = time.time_ns() if known else None
    tick()
    (root / "etc/cron.d/planted").touch()
    async with watching(make_root(tmp_path / "app")) as scene:
        come(scene, root, started)
        (root / "etc/after").touch()
        await scene.tells("/etc/after", Kind.FILE_CREATE, LATE)
        assert scene.told("/etc/cron.d/planted", container=LATE) == []
        os.close(scene.task.roots[LATE])


def test_what_was_told_by_a_notice_is_not_told_again_however_late_it_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_watch, "COMPARED_S", -1.0)
    still = Still(make_root(tmp_path))
    still.task.add(PID, APP)
    still.task.processes[PID] = still.task.processes[PID]._replace(start=still.clock.wall())
    still.task.start_container(APP, still.root_fd)
    (still.root / "etc/cron.d/job").touch()
    while still.watch.work():
        still.clock.advance(HOLD_OFF_S)
    told = [e.evidence.source for e in still.emitted.of(Kind.FILE_CREATE) if e.file and e.file.path.endswith("job")]
    assert told == ["inotify"]
    still.close()


async def test_what_an_earlier_run_of_the_container_has_left_is_not_told_again(tmp_path: Path) -> None:
    root = make_root(tmp_path / LATE)
    async with watching(make_root(tmp_path / "app")) as scene:
        started = time.time_ns()
        tick()
        (root / "etc/cron.d/planted").touch()
        come(scene, root, started)
        await scene.tells("/etc/cron.d/planted", Kind.FILE_CREATE, LATE)
        first = scene.task.processes[PID]
        os.close(scene.task.roots[LATE])
        scene.task.dead.append((LATE, Recent(first, time.monotonic(), first.start)))
        scene.task.stop_container(LATE)
        tick()
        started = time.time_ns()
        tick()
        (root / "etc/cron.d/again").touch()
        come(scene, root, started)
        await scene.tells("/etc/cron.d/again", Kind.FILE_CREATE, LATE)
        assert len(scene.told("/etc/cron.d/planted", container=LATE)) == 1
        os.close(scene.task.roots[LATE])


def test_a_secret_that_came_early_is_not_opened_which_older_kernels_would_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = Still(make_root(tmp_path, ["etc", "run/secrets"]))
    still.task.add(PID, APP)
    still.task.processes[PID] = still.task.processes[PID]._replace(start=still.clock.wall())
    (still.root / "run/secrets/token").touch()
    still.task.start_container(APP, still.root_fd)
    opened = handles(monkeypatch)
    still.work()
    assert still.told() == {("create", "/run/secrets/token"), ("create", "/etc/passwd")}
    assert opened == []
    still.close()


def test_what_was_changed_while_a_container_could_not_be_reached_is_told(tmp_path: Path) -> None:
    """Its first process is not known any more, or was there before: only since when it was tried says what is new."""
    still = Still(make_root(tmp_path, ["etc"]))
    (still.root / "etc/old").touch()
    still.clock.wall_ns = (still.root / "etc/old").stat().st_ctime_ns + 2 * CLOCK_TICK_NS
    still.task.add(os.getpid(), APP)
    still.task.start_container(APP)
    while (still.root / "etc").stat().st_ctime_ns < still.clock.wall():
        (still.root / "etc/new").touch()
        (still.root / "etc/new").rename(still.root / "etc/new.1")
    still.task.roots[APP] = still.root_fd
    still.clock.advance(RETRY_S)
    still.work()
    still.close()
    assert ("create", "/etc/new.1") in still.told()
    assert not [path for _, path in still.told() if path == "/etc/old"]
