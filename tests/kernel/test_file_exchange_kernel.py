"""Two paths that take each other's place at once (renameat2(2), RENAME_EXCHANGE) stay watched, both of them."""

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_scene import make_root
from file_still import Still

pytestmark = pytest.mark.kernel

AT_FDCWD, RENAME_EXCHANGE = -100, 2

_libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def still(tmp_path: Path) -> Iterator[Still]:
    root = make_root(tmp_path, ["etc/cron.d/old", "etc/cron.x/new", "opt/ssh", "root/.ssh"])
    (root / "etc/shadow").write_text("root:*:")
    still = Still(root)
    still.start()
    still.work()
    yield still
    still.close()


def exchange(a: Path, b: Path) -> None:
    if _libc.renameat2(AT_FDCWD, bytes(a), AT_FDCWD, bytes(b), RENAME_EXCHANGE) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def after(still: Still) -> set[tuple[str, str]]:
    """What is told from now on."""
    still.emitted.events.clear()
    still.work()
    return still.told()


@pytest.mark.parametrize("other", ["etc/cron.x", "opt/ssh"])
def test_a_directory_that_takes_the_place_of_a_watched_one_is_watched(still: Still, other: str) -> None:
    exchange(still.root / other, still.root / "etc/cron.d")
    still.work()
    watches = still.watch.watches
    (still.root / "etc/cron.d/backdoor").write_text("* * * * * root sh")
    assert ("create", "/etc/cron.d/backdoor") in after(still)
    exchange(still.root / other, still.root / "etc/cron.d")
    still.work()
    (still.root / "etc/cron.d/again").touch()
    assert ("create", "/etc/cron.d/again") in after(still)
    assert still.watch.watches == watches, "what lay below the one is not below the other"


def test_both_directories_are_told_by_the_paths_that_they_have_now(still: Still) -> None:
    exchange(still.root / "etc/cron.x", still.root / "etc/cron.d")
    still.work()
    for name in ("etc/cron.d", "etc/cron.x"):
        (still.root / name / "file").touch()
    assert {("create", "/etc/cron.d/file"), ("create", "/etc/cron.x/file")} <= after(still)


def test_a_secret_that_takes_the_place_of_one_is_told_when_it_is_opened_and_the_old_one_is_not(still: Still) -> None:
    (still.root / "etc/x").write_text("new")
    exchange(still.root / "etc/x", still.root / "etc/shadow")
    still.work()
    (still.root / "etc/shadow").read_text()
    (still.root / "etc/x").read_text()
    assert after(still) == {("open", "/etc/shadow")}
    assert [event.count for event in still.emitted.events] == [1]


def test_a_secret_and_a_directory_may_take_each_others_place(still: Still) -> None:
    (still.root / "etc/ssl/private/b").mkdir(parents=True)
    (still.root / "etc/ssl/private/a").write_text("key")
    still.work()
    exchange(still.root / "etc/ssl/private/a", still.root / "etc/ssl/private/b")
    still.work()
    (still.root / "etc/ssl/private/b").read_text()
    assert after(still) == {("open", "/etc/ssl/private/b")}


def test_what_was_exchanged_is_no_news_to_the_next_comparison(still: Still) -> None:
    (still.root / "etc/x").write_text("new")
    exchange(still.root / "etc/x", still.root / "etc/passwd")
    still.work()
    still.emitted.events.clear()
    still.watch.compare()
    assert not {what for what in after(still) if what[0] in ("create", "delete")}


def test_the_old_secret_is_let_go_where_a_fifo_takes_its_place(still: Still) -> None:
    os.mkfifo(still.root / "etc/fifo")
    watches = still.watch.watches
    exchange(still.root / "etc/fifo", still.root / "etc/shadow")
    still.work()
    (still.root / "etc/fifo").read_text()
    assert "open" not in {kind for kind, _ in after(still)}
    assert still.watch.watches == watches - 1


def test_what_was_told_of_two_directories_is_not_told_again_when_they_are_exchanged(still: Still) -> None:
    exchange(still.root / "etc/cron.x", still.root / "etc/cron.d")
    assert after(still) == {("rename", "/etc/cron.d"), ("rename", "/etc/cron.x")}


def test_what_was_not_told_of_one_of_them_is_told_where_it_is_now(still: Still) -> None:
    (still.root / "tmp/x").mkdir(parents=True)
    (still.root / "tmp/x/authorized_keys").write_text("key")
    still.work()
    exchange(still.root / "tmp/x", still.root / "root/.ssh")
    assert ("create", "/root/.ssh/authorized_keys") in after(still)
