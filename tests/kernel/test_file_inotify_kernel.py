"""File changes on the real inotify, with temporary directories as containers."""

import asyncio
import errno
import os
import shutil
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeTaskView
from file_scene import APP, FileScene, make_root, watching
from running import collecting, until

from collectors import file_watch, rootfs
from collectors.file_inotify import FileInotify
from collectors.file_rescan import CLOCK_TICK_NS, FORGOTTEN
from collectors.procfs import Procfs
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.errors import WrongConfiguration
from sensor.model.events import Event, File, Missing, Timestamp
from sensor.model.kinds import Kind
from sensor.model.protocols import HOST, Status

pytestmark = pytest.mark.kernel


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[FileScene]:
    async with watching(make_root(tmp_path), paths=["/data"]) as scene:
        yield scene


def file(event: Event) -> File:
    assert event.file is not None
    return event.file


async def test_an_append_to_passwd_is_told_with_its_facts(scene: FileScene) -> None:
    with (scene.root / "etc/passwd").open("a") as passwd:
        passwd.write("evil:x:0:0::/:/bin/sh\n")
    event = await scene.tells("/etc/passwd", Kind.FILE_MODIFY)
    status = (scene.root / "etc/passwd").stat()
    assert (file(event).size, file(event).mode, file(event).uid) == (status.st_size, status.st_mode, os.getuid())
    assert event.evidence.source == "inotify"
    assert event.evidence.missing == (Missing("process", "inotify names no process"),)
    assert event.process is None


async def test_create_attributes_rename_and_delete(scene: FileScene) -> None:
    job = scene.root / "etc/cron.d/job"
    job.write_text("* * * * * root true\n")
    await scene.tells("/etc/cron.d/job", Kind.FILE_CREATE)
    job.chmod(0o4755)
    event = await scene.tells("/etc/cron.d/job", Kind.FILE_ATTRIBUTES)
    assert stat.S_IMODE(file(event).mode or 0) == 0o4755
    job.rename(scene.root / "etc/hidden")
    event = await scene.tells("/etc/hidden", Kind.FILE_RENAME)
    assert file(event).old_path == "/etc/cron.d/job"
    (scene.root / "etc/hidden").unlink()
    event = await scene.tells("/etc/hidden", Kind.FILE_DELETE)
    assert file(event).size is None
    assert Missing("file.size", "gone") in event.evidence.missing


async def test_a_file_moved_out_of_sight_is_a_deletion(scene: FileScene) -> None:
    (scene.root / "opt").mkdir()
    (scene.root / "etc/passwd").rename(scene.root / "opt/passwd")
    await scene.tells("/etc/passwd", Kind.FILE_DELETE)


async def test_a_write_is_told_while_the_file_stays_open(scene: FileScene) -> None:
    fd = os.open(scene.root / "etc/passwd", os.O_WRONLY)
    try:
        os.write(fd, b"x")
        await scene.tells("/etc/passwd", Kind.FILE_MODIFY)
    finally:
        os.close(fd)


async def test_a_lock_file_that_is_only_opened_is_not_modified(scene: FileScene) -> None:
    lock = scene.root / "etc/.pwd.lock"
    lock.touch()
    await scene.tells("/etc/.pwd.lock", Kind.FILE_CREATE)
    old = lock.stat().st_ctime
    await until(lambda: scene.collector._clock.wall() / 1e9 > old + 3.1, "the file's status change to grow old")
    os.close(os.open(lock, os.O_WRONLY))
    await scene.is_told()
    assert not scene.told("/etc/.pwd.lock", Kind.FILE_MODIFY)


async def test_many_changes_are_two_events_and_all_are_counted(scene: FileScene) -> None:
    for _ in range(300):
        with (scene.root / "etc/passwd").open("a") as passwd:
            passwd.write("x")
        await asyncio.sleep(0)
    await until(lambda: sum(e.count for e in scene.told("/etc/passwd", Kind.FILE_MODIFY)) == 300, "all of them")
    assert len(scene.told("/etc/passwd", Kind.FILE_MODIFY)) == 2


async def test_a_directory_that_appears_later_is_watched_and_told_with_its_files(scene: FileScene) -> None:
    keys = scene.root / "root/.ssh"
    keys.mkdir()
    (keys / "authorized_keys").write_text("ssh-ed25519 AAAA")
    await scene.tells("/root/.ssh", Kind.FILE_CREATE)
    await scene.tells("/root/.ssh/authorized_keys", Kind.FILE_CREATE)
    (keys / "later").touch()
    await scene.tells("/root/.ssh/later", Kind.FILE_CREATE)


async def test_nested_directories_that_are_filled_at_once_lose_nothing(scene: FileScene) -> None:
    for number in range(20):
        deep = scene.root / f"var/www/site{number}/a"
        deep.mkdir(parents=True)
        (deep / "shell.php").write_text("<?php")
    for number in range(20):
        await scene.tells(f"/var/www/site{number}/a/shell.php", Kind.FILE_CREATE)
    await scene.is_told()
    assert all(len(scene.told(f"/var/www/site{n}/a/shell.php", Kind.FILE_CREATE)) == 1 for n in range(20))


async def test_configured_directories_are_watched_when_they_come(scene: FileScene) -> None:
    (scene.root / "data/deep").mkdir(parents=True)
    (scene.root / "data/deep/file").write_text("x")
    await scene.tells("/data/deep/file", Kind.FILE_CREATE)


async def test_a_replaced_directory_is_watched_and_the_old_one_is_not(scene: FileScene) -> None:
    (scene.root / "opt/cron.d").mkdir(parents=True)
    (scene.root / "opt/cron.d/evil").touch()
    (scene.root / "etc/cron.d").rename(scene.root / "opt/old")
    (scene.root / "opt/cron.d").rename(scene.root / "etc/cron.d")
    await scene.tells("/etc/cron.d/evil", Kind.FILE_CREATE)
    (scene.root / "opt/old/unseen").touch()
    (scene.root / "etc/cron.d/later").touch()
    await scene.tells("/etc/cron.d/later", Kind.FILE_CREATE)
    assert not scene.told("/etc/cron.d/unseen")


async def test_a_parent_that_is_replaced_takes_the_watches_with_it(scene: FileScene) -> None:
    (scene.root / "var").rename(scene.root / "var.old")
    (scene.root / "var/www").mkdir(parents=True)
    (scene.root / "var/www/index.php").touch()
    await scene.tells("/var/www/index.php", Kind.FILE_CREATE)
    (scene.root / "var.old/www/unseen").touch()
    await scene.is_told()
    assert not scene.told("/var/www/unseen")


async def test_a_deleted_directory_that_comes_back_is_watched_again(scene: FileScene) -> None:
    for _ in range(3):
        shutil.rmtree(scene.root / "etc/cron.d")
        (scene.root / "etc/cron.d").mkdir()
    (scene.root / "etc/cron.d/job").touch()
    await scene.tells("/etc/cron.d/job", Kind.FILE_CREATE)


async def test_users_homes_are_watched_for_what_their_shells_start(scene: FileScene) -> None:
    (scene.root / "home/anna/.bashrc").touch()
    (scene.root / "home/anna/notes").touch()
    (scene.root / "home/ben/.ssh").mkdir(parents=True)
    (scene.root / "home/ben/.ssh/authorized_keys").touch()
    await scene.tells("/home/anna/.bashrc", Kind.FILE_CREATE)
    await scene.tells("/home/ben/.ssh/authorized_keys", Kind.FILE_CREATE)
    assert not scene.told("/home/anna/notes")


async def test_a_directory_of_two_containers_is_told_in_both_by_their_paths(tmp_path: Path) -> None:
    volume = make_root(tmp_path / "other", ["etc"])
    app = make_root(tmp_path / "app")
    async with watching(app, others=[("b", volume), ("c", volume)]) as scene:
        (volume / "etc/passwd").write_text("changed")
        await scene.tells("/etc/passwd", Kind.FILE_MODIFY, "b")
        await scene.tells("/etc/passwd", Kind.FILE_MODIFY, "c")
        assert not scene.told("/etc/passwd")


async def test_a_directory_keeps_what_one_container_wants_when_another_wants_less(tmp_path: Path) -> None:
    app = make_root(tmp_path)
    async with watching(app, others=[("b", app / "etc")]) as scene:
        with (app / "etc/passwd").open("a") as passwd:
            passwd.write("x")
        await scene.tells("/etc/passwd", Kind.FILE_MODIFY)
        assert not scene.told("/passwd", container="b")


async def test_a_stopped_container_lets_go_of_its_watches_at_once(tmp_path: Path) -> None:
    other = make_root(tmp_path / "other")
    async with watching(make_root(tmp_path / "app"), others=[("b", other)]) as scene:
        both = scene.watches()
        scene.task.stop_container("b")
        assert scene.watches() == scene.collector.watches == both / 2
        (other / "etc/passwd").write_text("unseen")
        await scene.is_told()
        assert not scene.told("/etc/passwd", container="b")


async def test_the_last_changes_of_a_container_are_told_when_it_stops(scene: FileScene) -> None:
    (scene.root / "etc/last").write_text("x")
    scene.task.stop_container(APP)
    assert scene.told("/etc/last", Kind.FILE_CREATE)


async def test_a_container_that_starts_again_is_watched_again(scene: FileScene) -> None:
    root = scene.task.roots[APP]
    scene.task.stop_container(APP)
    scene.task.start_container(APP, root)
    (scene.root / "etc/new").touch()
    await scene.tells("/etc/new", Kind.FILE_CREATE)


async def test_the_sensors_own_container_is_left_out_but_a_plain_machine_is_not(tmp_path: Path) -> None:
    own, machine = make_root(tmp_path / "own"), make_root(tmp_path / "machine")

    def prepare(task: FakeTaskView) -> None:
        task.own_container = task.left_out = "own"

    async with watching(make_root(tmp_path / "app"), others=[("own", own)], prepare=prepare) as scene:
        (own / "etc/passwd").write_text("unseen")
        await scene.is_told()
        assert not scene.told("/etc/passwd", container="own")
    async with watching(make_root(tmp_path / "app"), others=[(HOST, machine)]) as scene:
        (machine / "etc/passwd").write_text("seen")
        await until(lambda: scene.emitted.of(Kind.FILE_MODIFY), "the change of the machine")
        assert scene.emitted.of(Kind.FILE_MODIFY)[0].container is None


async def test_a_root_that_cannot_be_reached_is_said_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_watch, "RETRY_S", 0.05)
    async with watching(make_root(tmp_path)) as scene:
        before = scene.collector.watches
        scene.task.start_container("shut")
        assert "1 root not reachable" in (scene.collector.status().reason or "")
        scene.task.roots["shut"] = scene.task.roots[APP]
        await until(lambda: scene.collector.status().status is Status.OK, "the second attempt")
        assert scene.collector.watches == before, "it is the same root, so they are the same watches"


@pytest.mark.parametrize("first_is_gone", [False, True])
async def test_what_happens_while_a_root_cannot_be_reached_is_told_later_or_told_as_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_is_gone: bool
) -> None:
    monkeypatch.setattr(file_watch, "RETRY_S", 0.05)
    shut = make_root(tmp_path / "shut")
    with rootfs.held(os.open(shut, os.O_PATH)) as root:
        async with watching(make_root(tmp_path / "app")) as scene:
            old = (shut / "etc/passwd").stat().st_ctime_ns + 2 * CLOCK_TICK_NS
            await until(lambda: time.time_ns() > old, "what is there is older than the files' clock can err")
            process = scene.task.add(os.getpid(), "shut")  # whose mounts are those of this machine
            scene.task.start_container("shut")
            (shut / "etc/cron.d/job").write_text("evil")
            if first_is_gone:  # and who is there now came after that
                later = Timestamp(time.time_ns() + CLOCK_TICK_NS)
                scene.task.processes[process.pid] = process._replace(start=later)
            assert scene.counters.losses[FORGOTTEN] == 0
            scene.task.roots["shut"] = root
            await scene.tells("/etc/cron.d/job", Kind.FILE_CREATE, "shut")
            assert scene.counters.losses[FORGOTTEN] == 1, "what was deleted meanwhile is not known"
            assert not scene.told("/etc/passwd", container="shut"), "nobody changed that"


async def test_what_cannot_be_watched_for_a_while_is_watched_later_and_what_it_missed_is_told_as_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_watch, "RETRY_S", 0.05)
    open_directory, failures = rootfs.open_directory, [errno.EIO, errno.ENOMEM]

    def fails_twice(root_fd: int, path: bytes, **how: Any) -> int:
        if path == b"/etc" and failures:
            raise OSError(failures.pop(), "not now")
        return open_directory(root_fd, path, **how)

    monkeypatch.setattr(rootfs, "open_directory", fails_twice)
    async with watching(make_root(tmp_path)) as scene:
        assert "1 ENOMEM" in (scene.collector.status().reason or "")
        await until(lambda: scene.collector.status().status is Status.OK, "the third attempt")
        assert not failures
        assert scene.counters.losses[FORGOTTEN] >= 1
        (scene.root / "etc/passwd").write_text("seen again")
        await scene.tells("/etc/passwd", Kind.FILE_MODIFY)


async def test_a_container_that_cannot_be_reached_is_forgotten_when_it_ends(tmp_path: Path) -> None:
    async with watching(make_root(tmp_path)) as scene:
        scene.task.start_container("shut")
        assert scene.collector.status().status is Status.DEGRADED
        scene.task.stop_container("shut")
        assert scene.collector.status().status is Status.OK


async def test_the_budget_is_a_quarter_of_the_kernels_and_what_it_leaves_out_is_said(tmp_path: Path) -> None:
    limits = tmp_path / "proc/sys/fs/inotify"
    limits.mkdir(parents=True)
    (limits / "max_user_watches").write_text("40\n")
    procfs = Procfs(str(tmp_path / "proc"))
    async with watching(make_root(tmp_path / "app"), procfs=procfs) as scene:
        assert scene.watches() == 10
        status = scene.collector.status()
        assert status.status is Status.DEGRADED
        assert "budget" in (status.reason or "")
        (scene.root / "etc/passwd").write_text("the first entry keeps its place")
        await scene.tells("/etc/passwd", Kind.FILE_MODIFY)


async def test_the_end_of_a_run_tells_what_was_folded_and_closes_all(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    async with watching(make_root(tmp_path)) as scene:
        (tmp_path / "etc/passwd").write_text("a")
        await scene.tells("/etc/passwd", Kind.FILE_MODIFY)
        (tmp_path / "etc/passwd").write_text("b")
    assert len(scene.told("/etc/passwd", Kind.FILE_MODIFY)) == 2
    assert set(os.listdir("/proc/self/fd")) - before <= {str(fd) for fd in scene.task.roots.values()}
    assert not scene.task._listeners


async def test_it_can_be_run_again(tmp_path: Path) -> None:
    collector = FileInotify(counters=Counters(), clock=SystemClock())
    for _ in range(2):
        async with collecting(collector, FakeTaskView()):
            await asyncio.sleep(0)
    assert collector.watches == 0


def test_the_probe_finds_inotify_here_and_leaves_nothing(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    probe = FileInotify(counters=Counters(), clock=SystemClock()).probe()
    assert (probe.status, probe.reason) == (Status.OK, None)
    (tmp_path / "sys/fs/inotify").mkdir(parents=True)
    (tmp_path / "sys/fs/inotify/max_user_watches").write_text("100")
    few = FileInotify(counters=Counters(), clock=SystemClock(), procfs=Procfs(str(tmp_path))).probe()
    assert (few.status, few.mend) == (Status.DEGRADED, "raise fs.inotify.max_user_watches")
    assert set(os.listdir("/proc/self/fd")) == before


def test_wrong_paths_are_told_when_it_is_made() -> None:
    with pytest.raises(WrongConfiguration, match="should be absolute paths"):
        FileInotify(counters=Counters(), clock=SystemClock(), paths=["etc"])
