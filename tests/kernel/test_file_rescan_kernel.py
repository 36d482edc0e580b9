"""What differs after a loss is found, and where inotify is refused everything is."""

import asyncio
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from file_scene import APP, make_root, watching
from file_still import Still, overflow_the_queue
from running import until

from collectors import file_inotify, file_watch, rootfs, watch_coverage
from collectors.file_events import OVERFLOW
from collectors.file_rescan import FORGOTTEN
from collectors.inotify_stream import InotifyStream
from collectors.watch_table import DIRECTORIES
from sensor.model.errors import AccessDenied
from sensor.model.kinds import Kind
from sensor.model.protocols import Status

pytestmark = pytest.mark.kernel


@pytest.fixture
def still(tmp_path: Path) -> Iterator[Still]:
    root = make_root(tmp_path, ["etc/cron.d", "tmp", "var/www/old", "root/.ssh"])
    (root / "etc/shadow").write_text("root:*:")
    (root / "var/www/old/page").touch()
    still = Still(root)
    still.clock.wall_ns = (root / "etc/shadow").stat().st_ctime_ns + 1_000_000_000  # what is there is old
    still.watch._compared_ns = still.watch._all_read_ns = still.watch._read_at_ns = still.clock.wall()
    yield still
    still.close()


def long_after(still: Still, *paths: str) -> None:
    """The clock of the test moves to where the files' own is, a second and more ahead."""
    for path in paths:
        while (still.root / path).stat().st_ctime_ns < still.clock.wall():
            (still.root / path).touch()


def failing(path: bytes, error: int) -> Callable[..., int]:
    """`open_directory` that fails for this path and what lies below."""
    open_directory = rootfs.open_directory

    def fails(root_fd: int, wanted: bytes, **how: Any) -> int:
        if wanted == (path or b"/") or wanted.startswith(path + b"/"):
            if error == errno.EACCES:
                raise AccessDenied("not for you")
            raise OSError(error, "not now")
        return open_directory(root_fd, wanted, **how)

    return fails


def test_what_was_lost_is_told_as_what_differs(still: Still) -> None:
    still.start()
    overflow_the_queue(still.root / "etc")
    (still.root / "etc/cron.d/job").write_text("evil")
    (still.root / "etc/passwd").write_text("evil")
    (still.root / "var/www/new/deep").mkdir(parents=True)
    (still.root / "var/www/new/deep/shell.php").write_text("<?php")
    (still.root / "etc/shadow").unlink()
    shutil.rmtree(still.root / "var/www/old")
    (still.root / "tmp/notes").write_text("no program")
    (still.root / "tmp/x").write_text("#!/bin/sh")
    long_after(still, "etc/passwd")
    still.work()
    assert still.counters.losses[OVERFLOW] == 1
    rescanned = {
        (e.kind.removeprefix("file."), e.file.path)
        for e in still.emitted.events
        if e.file is not None and e.evidence.source == "rescan"
    }
    assert rescanned >= {
        ("create", "/etc/cron.d/job"),
        ("modify", "/etc/passwd"),
        ("create", "/var/www/new"),
        ("create", "/var/www/new/deep"),
        ("create", "/var/www/new/deep/shell.php"),
        ("delete", "/etc/shadow"),
        ("delete", "/var/www/old"),
        ("delete", "/var/www/old/page"),
        ("create", "/tmp/x"),
    }
    assert not [path for _, path in rescanned if path == "/tmp/notes"]
    before = len(still.emitted.events)
    (still.root / "var/www/new/deep/later").touch()
    still.work()
    assert ("create", "/var/www/new/deep/later") in still.told()
    assert len(still.emitted.events) == before + 1, "what differed is known now"


def test_of_a_directory_that_went_with_a_loss_only_what_can_run_is_told_where_only_that_is(still: Still) -> None:
    (still.root / "tmp/build").mkdir()
    (still.root / "tmp/build/notes").write_text("no program")
    still.start()
    (still.root / "tmp/build/x").write_text("#!/bin/sh")
    still.work()
    overflow_the_queue(still.root / "etc")
    shutil.rmtree(still.root / "tmp/build")
    still.work()
    assert still.deleted() == ["/tmp/build/x"]


def test_what_was_told_before_the_loss_is_not_told_again(still: Still) -> None:
    still.start()
    (still.root / "etc/cron.d/job").write_text("told")
    still.work()
    overflow_the_queue(still.root / "etc")
    still.work()
    jobs = [e for e in still.emitted.events if e.file is not None and e.file.path == "/etc/cron.d/job"]
    assert {e.evidence.source for e in jobs} == {"inotify"}


def test_a_tree_that_is_unpacked_with_a_loss_is_told_whole(still: Still) -> None:
    """Ten times: what the events say is there, is there, and nothing else."""
    still.start()
    for round_ in range(10):
        for number in range(30):
            directory = still.root / f"var/www/tree{round_}/{number}"
            directory.mkdir(parents=True)
            for name in range(5):
                (directory / str(name)).touch()
        if round_ % 3 == 1:
            overflow_the_queue(still.root / "etc")
        if round_ % 2:
            shutil.rmtree(still.root / f"var/www/tree{round_ - 1}")
        still.clock.advance(10)
        still.work()
    there: set[str] = set()
    for event in still.emitted.events:
        if event.file is not None and event.file.path.startswith("/var/www/tree"):
            (there.add if event.kind is Kind.FILE_CREATE else there.discard)(event.file.path)
    found = {"/" + str(path.relative_to(still.root)) for path in (still.root / "var/www").rglob("tree*/**/*")}
    files = {path for path in found if (still.root / path[1:]).is_file()}
    assert {path for path in there if path.count("/") == 5} == files
    assert len(files) == 5 * 30 * 5


def test_a_directory_too_large_to_be_remembered_is_said(still: Still) -> None:
    still.watch._table.names._most = 10
    still.start()
    overflow_the_queue(still.root / "etc")
    still.work()
    assert still.counters.losses[FORGOTTEN] > 0


def test_a_directory_too_long_to_be_listed_whole_is_not_compared(still: Still, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_coverage, "LISTED", 3)
    for name in range(10):
        (still.root / f"var/www/{name}").touch()
    still.start()
    overflow_the_queue(still.root / "etc")
    still.work()
    assert not [path for _, path in still.told() if path.startswith("/var/www/")]
    assert still.counters.losses[FORGOTTEN] > 0
    assert still.counters.losses["directory_too_long"] > 0


def test_others_have_their_turn_in_the_middle_of_a_directory_and_what_they_tell_is_newer(
    still: Still, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [still.root / f"etc/{number}" for number in range(20)]
    for file in files[:10]:
        file.touch()
    still.start()
    overflow_the_queue(still.root / "etc")
    for file in files[:10]:
        file.unlink()
    for file in files[10:]:
        file.touch()
    monkeypatch.setattr(file_watch, "COMPARED_S", -1.0)
    while not still.deleted():
        assert still.watch.work()
    turns = 0
    files[0].touch()  # its deletion, and the creation of the other, may have been told or not
    files[1].touch()
    files[19].unlink()
    while still.watch.work():
        turns += 1
    assert turns >= 10, "one change in a turn, but for what is overtaken"
    there: set[str] = set()
    for event in still.emitted.events:
        assert event.file is not None or event.kind is Kind.SENSOR_LOSS
        if event.file is not None:
            (there.discard if event.kind is Kind.FILE_DELETE else there.add)(event.file.path)
    assert {f"/etc/{file.name}" for file in files} & there == {f"/etc/{file.name}" for file in files if file.exists()}


@pytest.mark.parametrize("path", [b"", b"/etc", b"/var", b"/var/www/old"])
@pytest.mark.parametrize("error", [errno.EMFILE, errno.EIO, errno.EACCES])
def test_what_cannot_be_looked_at_is_not_gone(
    still: Still, path: bytes, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    still.start()
    overflow_the_queue(still.root / "etc")
    monkeypatch.setattr(rootfs, "open_directory", failing(path, error))
    still.work()
    assert still.counters.losses[OVERFLOW] == 1
    assert still.deleted() == []


def test_what_could_not_be_looked_at_for_a_moment_is_watched_all_along(
    still: Still, monkeypatch: pytest.MonkeyPatch
) -> None:
    still.start()
    watches = still.watch.watches
    overflow_the_queue(still.root / "etc")
    (still.root / "etc/shadow").unlink()
    monkeypatch.setattr(rootfs, "open_directory", failing(b"", errno.EMFILE))
    still.work()
    assert still.watch.watches == watches
    (still.root / "etc/cron.d/job").write_text("evil")
    still.work()
    assert ("create", "/etc/cron.d/job") in still.told()
    monkeypatch.undo()
    still.clock.advance(file_watch.RETRY_S)
    still.work()
    assert still.deleted() == ["/etc/shadow"], "what was lost by the overflow is found as soon as it can be"


def test_a_root_that_cannot_be_had_for_a_moment_is_not_empty(still: Still) -> None:
    still.start()
    overflow_the_queue(still.root / "etc")
    root = still.task.roots.pop(APP)
    still.work()
    assert still.deleted() == []
    still.task.roots[APP] = root
    (still.root / "etc/cron.d/job").write_text("evil")
    still.work()
    assert ("create", "/etc/cron.d/job") in still.told()


def test_directories_that_are_not_listed_for_want_of_room_are_not_gone(
    still: Still, monkeypatch: pytest.MonkeyPatch
) -> None:
    still.start()
    overflow_the_queue(still.root / "etc")
    monkeypatch.setattr(watch_coverage, "LISTED_IN_ALL", 0)
    still.work()
    assert still.deleted() == []


def test_a_container_that_ends_while_it_is_compared_is_let_go(still: Still) -> None:
    still.start()
    overflow_the_queue(still.root / "etc")
    still.watch._begin_comparing(still.clock.wall(), "rescan")
    still.task.stop_container("app")
    still.work()
    assert still.watch.watches == 0


def test_a_directory_that_others_left_no_room_for_is_watched_once_they_are_gone(still: Still) -> None:
    still.start()
    still.work()
    for number in range(DIRECTORIES):
        (still.root / f"tmp/{number}").mkdir()
    (still.root / "tmp/evil").mkdir()
    still.work()
    assert still.watch.status().status is Status.DEGRADED
    for number in range(DIRECTORIES):
        (still.root / f"tmp/{number}").rmdir()
    still.work()
    assert still.watch.next_due() == still.clock.monotonic() + file_watch.RETRY_S
    still.clock.advance(file_watch.RETRY_S)
    still.work()
    assert still.counters.losses[FORGOTTEN] == 1, "what came to it meanwhile"
    assert still.watch.status().status is Status.OK
    (still.root / "tmp/evil/x").write_text("#!/bin/sh")
    still.work()
    assert ("create", "/tmp/evil/x") in still.told()


def test_a_second_loss_before_all_is_compared_loses_nothing_of_the_first(still: Still) -> None:
    still.start()
    (still.root / "etc/passwd").write_text("evil")
    long_after(still, "etc/passwd")
    still.stream.discard()
    still.watch._begin_comparing(still.clock.wall(), "rescan")
    still.clock.wall_ns = (still.root / "etc/passwd").stat().st_ctime_ns + 1_000_000_000
    still.watch._begin_comparing(still.clock.wall(), "rescan")
    still.work()
    assert ("modify", "/etc/passwd") in still.told()


def test_what_is_discarded_unread_is_a_loss_and_found_afterwards(still: Still) -> None:
    still.start()
    (still.root / "etc/cron.d/job").write_text("evil")
    still.watch.discard()
    still.work()
    assert still.counters.losses[OVERFLOW] == 1
    assert ("create", "/etc/cron.d/job") in still.told()
    still.watch.discard()
    still.work()
    assert still.counters.losses[OVERFLOW] == 1, "nothing was there"


def refused() -> InotifyStream:
    raise OSError(errno.EMFILE, "Too many open files")


async def test_without_inotify_what_differs_is_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_inotify, "POLL_S", 0.05)
    root = make_root(tmp_path)

    def prepare(task: object) -> None:
        task.add(os.getpid(), "app")  # type: ignore[attr-defined]  # whose mounts are known, so times are looked at

    async with watching(root, make_stream=refused, prepare=prepare) as scene:  # type: ignore[arg-type]
        status = scene.collector.status()
        assert status.status is Status.DEGRADED
        assert "are compared every" in (status.reason or "")
        assert status.figures["watches"] > 0
        (root / "etc/cron.d/job").write_text("evil")
        event = await scene.tells("/etc/cron.d/job", Kind.FILE_CREATE)
        assert event.evidence.source == "poll"
        with (root / "etc/passwd").open("a") as passwd:
            passwd.write("evil")
        await scene.tells("/etc/passwd", Kind.FILE_MODIFY)
        (root / "etc/passwd").unlink()
        await scene.tells("/etc/passwd", Kind.FILE_DELETE)
        count = len(scene.emitted.events)
        await asyncio.sleep(0.3)
        assert len(scene.emitted.events) == count, "what is the same is not told again"


async def test_inotify_is_used_as_soon_as_it_can_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_inotify, "POLL_S", 0.05)
    left = [refused] * 4

    def make() -> InotifyStream:
        return left.pop()() if left else InotifyStream()

    async with watching(make_root(tmp_path), make_stream=make) as scene:
        await until(lambda: scene.watches() > 0, "the kernel's watches")
        (tmp_path / "etc/new").touch()
        event = await scene.tells("/etc/new", Kind.FILE_CREATE)
        assert event.evidence.source == "inotify"
        assert scene.collector.status().status is Status.OK
        assert scene.counters.losses[FORGOTTEN] == 1, "what happened between a comparison and the first watch"
