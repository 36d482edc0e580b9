"""What an attacker in a container may do to whoever watches its files."""

import errno
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from fakes import FakeTaskView
from file_scene import APP, DIRECTORIES, FileScene, make_root, watching
from file_still import Still, overflow_the_queue
from hung_mounts import HUNG_S, hung_mounts
from needs import Need
from running import until

from collectors import file_inotify
from collectors.file_events import OVERFLOW
from collectors.file_watch import RESCAN_S, RETRY_S
from collectors.pace import Portion
from collectors.procfs import Procfs
from collectors.watch_coverage import LISTED, Coverage, Reach
from collectors.watch_paths import watch_list
from collectors.watch_plan import plan
from collectors.watch_table import BUDGET, WatchTable
from sensor.model.codec import event_from_wire, to_wire
from sensor.model.kinds import Kind
from sensor.model.protocols import Status

pytestmark = pytest.mark.kernel


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[FileScene]:
    async with watching(make_root(tmp_path), paths=["/data"]) as scene:
        yield scene


@pytest.mark.parametrize("name", [b"line\nbreak", b"bad\xff\xfeutf8", b"\x1b[31mred", b"a)b(c", b"x" * 255])
async def test_any_name_is_told_and_survives_the_wire(scene: FileScene, name: bytes) -> None:
    (scene.root / "etc" / os.fsdecode(name)).write_text("x")
    event = await scene.tells("/etc/" + name.decode("utf-8", "backslashreplace"), Kind.FILE_CREATE)
    assert event.file is not None
    assert event.file.size == 1
    assert event_from_wire(to_wire(event)) == event


async def test_names_of_directories_may_be_any_bytes_too(scene: FileScene) -> None:
    odd = scene.root / os.fsdecode(b"var/www/a\n\xff")
    odd.mkdir()
    (odd / "file").touch()
    await scene.tells("/var/www/a\n\\xff/file", Kind.FILE_CREATE)


async def test_a_path_near_the_longest_is_told(scene: FileScene) -> None:
    deep = scene.root / "data"
    for _ in range(3):
        deep /= "d" * 250
    deep.mkdir(parents=True)
    await until(lambda: scene.told("/data/" + "/".join(["d" * 250] * 3)), "the deepest directory")
    (deep / ("f" * 250)).touch()
    await scene.tells("/data/" + "/".join([*["d" * 250] * 3, "f" * 250]), Kind.FILE_CREATE)


async def test_the_longest_paths_are_told(tmp_path: Path) -> None:
    """The last file's path is as long as a path can be for the container; from here it has no path at all."""
    parts = ["data", *["d" * 250] * 16]
    root = make_root(tmp_path)
    deep = os.open(root, os.O_PATH)
    for part in parts:
        os.mkdir(part, dir_fd=deep)
        below = os.open(part, os.O_PATH, dir_fd=deep)
        os.close(deep)
        deep = below
    directory = "/" + "/".join(parts)
    async with watching(root, paths=[directory]) as scene:
        for length in (4095, 4096, 4097):
            name = "f" * (length - len(directory) - 1)
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=deep))
            await scene.tells(f"{directory}/{name}", Kind.FILE_CREATE)
    os.close(deep)


async def test_who_fills_the_queue_on_purpose_does_not_get_our_cpu_and_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_inotify, "OTHERS", Portion(0.025, 0.05, 1.5))
    monkeypatch.setattr(file_inotify, "STORM_S", 0.05)
    root, done = make_root(tmp_path), threading.Event()

    def flood() -> None:
        while not done.is_set():
            overflow_the_queue(root / "etc")

    attacker = threading.Thread(target=flood)
    async with watching(root, cores=lambda: 0.0) as scene:
        attacker.start()
        try:
            await until(lambda: scene.counters.seen["files.looked_away"] > 2, "the sensor to look away")
            for number in range(100):
                (root / f"var/www/{number}").mkdir()
                (root / f"var/www/{number}/shell.php").write_text("<?php")
        finally:
            done.set()
            attacker.join()
        for number in range(100):
            await scene.tells(f"/var/www/{number}/shell.php", Kind.FILE_CREATE)
        assert scene.counters.losses[OVERFLOW] > 0


async def test_a_link_in_place_of_a_directory_leads_nowhere_outside(tmp_path: Path) -> None:
    outside = make_root(tmp_path / "outside")
    app = make_root(tmp_path / "app")
    (app / "etc/cron.d").rmdir()
    (app / "etc/cron.d").symlink_to(f"{outside}/etc/cron.d")
    (app / "root/.ssh").symlink_to("../../outside/etc/cron.d")
    async with watching(app) as scene:
        (app / "var/www/up").symlink_to("../../../outside/etc")
        (app / "root/.aws").symlink_to(outside / "etc")
        await scene.is_told()
        (outside / "etc/cron.d/job").touch()
        (outside / "etc/passwd").write_text("x")
        await scene.is_told()
        told = {event.file.path for event in scene.emitted.events if event.file}
    assert told == {"/var/www/up", "/root/.aws", "/etc/end-0", "/etc/end-3"}


async def test_a_link_within_the_container_is_followed_to_an_entry(tmp_path: Path) -> None:
    app = make_root(tmp_path)
    (app / "data/keys").mkdir(parents=True)
    (app / "root/.ssh").symlink_to("/data/keys")
    async with watching(app) as scene:
        (app / "data/keys/authorized_keys").touch()
        await scene.tells("/root/.ssh/authorized_keys", Kind.FILE_CREATE)


async def test_a_link_to_an_entry_that_is_taken_away_takes_the_watch_along(tmp_path: Path) -> None:
    app = make_root(tmp_path)
    (app / "data/keys").mkdir(parents=True)
    (app / "root/.ssh").symlink_to("/data/keys")
    async with watching(app) as scene:
        (app / "root/.ssh").unlink()
        await scene.tells("/root/.ssh", Kind.FILE_DELETE)
        (app / "data/keys/authorized_keys").touch()
        await scene.is_told()
        assert not scene.told("/root/.ssh/authorized_keys")


async def test_loops_of_links_end(scene: FileScene) -> None:
    (scene.root / "var/www/self").symlink_to(".")
    (scene.root / "root/.ssh").symlink_to(".ssh")
    await scene.is_told()
    (scene.root / "var/www/x").touch()
    await scene.tells("/var/www/x", Kind.FILE_CREATE)
    assert not scene.told("/var/www/self/x")


async def test_fifos_and_devices_do_not_block(scene: FileScene) -> None:
    os.mkfifo(scene.root / "etc/fifo")
    os.mkfifo(scene.root / "root/.ssh")
    await scene.tells("/etc/fifo", Kind.FILE_CREATE)
    await scene.tells("/root/.ssh", Kind.FILE_CREATE)


async def test_directories_that_are_renamed_all_the_time_end_up_right(scene: FileScene) -> None:
    done = threading.Event()

    def rename() -> None:
        a, b = scene.root / "var/www/a", scene.root / "var/www/b"
        (a / "deep").mkdir(parents=True)
        while not done.is_set():
            a.rename(b)
            b.rename(a)

    attacker = threading.Thread(target=rename)
    attacker.start()
    try:
        await until(lambda: sum(e.count for e in scene.emitted.of(Kind.FILE_RENAME)) > 1000, "a thousand renames")
    finally:
        done.set()
        attacker.join()
    (scene.root / "var/www/a/deep/file").touch()
    await until(lambda: scene.told("/var/www/a/deep/file"), "a file in it")
    assert not scene.told("/var/www/b/deep/file")


async def test_a_directory_of_very_many_files_is_listed_up_to_a_limit_and_that_is_counted(scene: FileScene) -> None:
    (scene.root / "full").mkdir()
    for number in range(LISTED + 10):
        os.mknod(scene.root / f"full/{number}")
    (scene.root / "full").rename(scene.root / "data")
    await until(lambda: len(scene.emitted.of(Kind.FILE_CREATE)) >= LISTED, "as many as are listed")
    assert scene.counters.losses["directory_too_long"] == 1


@pytest.fixture
def still(tmp_path: Path) -> Iterator[Still]:
    still = Still(make_root(tmp_path))
    yield still
    still.close()


def test_an_overflow_is_told_as_a_loss_of_unknown_size_and_directories_are_looked_for_anew(still: Still) -> None:
    (still.root / "var/www/site").mkdir()
    still.task.start_container(APP, still.root_fd)
    before = still.watch.watches
    overflow_the_queue(still.root / "etc")
    for name in ("etc/sudoers.d", "root/.ssh"):
        (still.root / name).mkdir()
    for name in ("etc/cron.d", "var/www/site"):
        (still.root / name).rmdir()
    still.work()
    assert still.counters.losses[OVERFLOW] == 1
    (told,) = still.emitted.of(Kind.SENSOR_LOSS)
    assert told.loss is not None
    assert (told.loss.bound, told.loss.count, told.loss.source) == ("unknown", None, "file_inotify")
    assert still.watch.watches == before
    (still.root / "etc/sudoers.d/evil").touch()
    still.work()
    assert [e for e in still.emitted.of(Kind.FILE_CREATE) if e.file and e.file.path == "/etc/sudoers.d/evil"]


def test_overflows_on_purpose_are_folded(still: Still) -> None:
    still.task.start_container(APP, still.root_fd)
    for _ in range(3):
        overflow_the_queue(still.root / "etc")
        still.work()
    assert len(still.emitted.of(Kind.SENSOR_LOSS)) == 1
    assert still.watch.next_due() is not None
    still.clock.advance(RESCAN_S)
    still.work()
    assert [event.count for event in still.emitted.of(Kind.SENSOR_LOSS)] == [1, 2]
    assert still.counters.losses[OVERFLOW] == 3


def test_programs_of_a_container_that_ended_are_forgotten(still: Still) -> None:
    still.task.start_container(APP, still.root_fd)
    (still.root / "tmp/x").write_text("#!/bin/sh")
    still.work()
    assert still.emitted.of(Kind.FILE_CREATE)
    still.task.stop_container(APP)
    still.task.start_container(APP, still.root_fd)
    (still.root / "tmp/x").unlink()
    still.work()
    assert not still.emitted.of(Kind.FILE_DELETE)


def test_when_the_kernel_has_no_watches_left_that_is_the_budget(still: Still) -> None:
    class Exhausted:
        def add(self, place: int, mask: int, *, is_directory: bool = True, name: bytes = b"") -> int:
            raise OSError(errno.ENOSPC, "no watches are left")

        def remove(self, wd: int) -> None:
            raise AssertionError("nothing was added")

    table = WatchTable(Exhausted(), 100)
    reach = Reach(still.root_fd, None)
    coverage = Coverage(plan=plan(watch_list()), table=table, reach=lambda _: reach, counters=still.counters)
    assert coverage.cover(APP)
    assert table.unwatched() == {BUDGET: 1}


def test_a_root_that_can_be_reached_later_is_watched_then(still: Still) -> None:
    still.task.start_container(APP)
    assert still.watch.status().status is Status.DEGRADED
    assert still.watch.next_due() == still.clock.monotonic() + RETRY_S
    still.clock.advance(RETRY_S)
    still.work()
    assert still.watch.next_due() == still.clock.monotonic() + 2 * RETRY_S, "each time the wait is longer"
    still.task.roots[APP] = still.root_fd
    still.clock.advance(2 * RETRY_S)
    still.work()
    assert still.watch.watches > 0
    assert still.watch.status().status is Status.OK
    assert still.watch.next_due() is None


async def test_a_file_system_that_hangs_is_left_alone_and_said(tmp_path: Path, need: Need) -> None:
    app = make_root(tmp_path / "app", [*DIRECTORIES, "etc/nginx", "var/www/files"])
    (app / "root/.ssh").symlink_to("/etc/nginx/keys")
    (app / "etc/shadow").touch()
    mountinfo = tmp_path / "proc/7/mountinfo"
    mountinfo.parent.mkdir(parents=True)
    mountinfo.write_text(
        "1 0 0:1 / / rw - overlay overlay rw\n"
        "2 1 0:2 / /etc/nginx rw - fuse hung rw\n"
        "3 1 0:3 / /var/www/files rw - fuse.s3fs hung rw\n"
        "4 1 0:4 / /etc/shadow rw - fuse hung rw\n"
    )

    def prepare(task: FakeTaskView) -> None:
        task.add(7, APP)

    started = time.monotonic()
    with hung_mounts([app / "etc/nginx", app / "var/www/files", app / "etc/shadow"], need):
        async with watching(app, procfs=Procfs(str(tmp_path / "proc")), prepare=prepare) as scene:
            (app / "etc/passwd").write_text("x")
            await scene.tells("/etc/passwd", Kind.FILE_MODIFY)
            assert scene.collector.status().reason == "directories not watched: 4 remote"
            overflow_the_queue(app / "etc")
            (app / "etc/late").touch()
            await scene.tells("/etc/late", Kind.FILE_CREATE)
            await until(lambda: scene.emitted.of(Kind.SENSOR_LOSS), "the loss, after which all is compared")
            await scene.is_told()
    assert time.monotonic() - started < HUNG_S


def test_half_a_rename_at_the_end_of_a_container_is_still_told(still: Still) -> None:
    still.task.start_container(APP, still.root_fd)
    (still.root / "opt").mkdir()
    (still.root / "etc/passwd").rename(still.root / "opt/passwd")
    still.work()
    assert not still.emitted.of(Kind.FILE_DELETE)
    still.task.stop_container(APP)
    (event,) = still.emitted.of(Kind.FILE_DELETE)
    assert event.file is not None
    assert event.file.path == "/etc/passwd"


def test_a_full_tree_that_is_moved_in_takes_several_turns_and_is_listed_up_to_a_limit(still: Still) -> None:
    still.task.start_container(APP, still.root_fd)
    for number in range(4):
        (still.root / f"full/{number}").mkdir(parents=True)
        for name in range(LISTED // 3):
            os.mknod(still.root / f"full/{number}/{name}")
    (still.root / "full").rename(still.root / "var/www/full")
    assert still.watch.work()
    assert 0 < len(still.emitted.of(Kind.FILE_CREATE)) < LISTED
    still.work()
    assert len(still.emitted.of(Kind.FILE_CREATE)) == LISTED
    assert still.counters.losses["directory_too_long"] == 2, "the third is listed in part, the fourth not at all"
    (still.root / "var/www/full/3/watched").touch()
    still.work()
    assert [e for e in still.emitted.of(Kind.FILE_CREATE) if e.file and e.file.path == "/var/www/full/3/watched"]
