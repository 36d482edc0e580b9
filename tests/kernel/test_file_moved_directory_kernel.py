"""What a directory that is moved holds is told once: by its old path or, where that was not told, by the new one."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from file_scene import make_root
from file_still import Still

from collectors.file_hold_off import HOLD_OFF_S
from collectors.file_look import TOO_MANY

pytestmark = pytest.mark.kernel


@pytest.fixture
def still(tmp_path: Path) -> Iterator[Still]:
    root = make_root(tmp_path, ["etc/cron.d", "root", "tmp", "var/www", "home"])
    still = Still(root)
    still.start()
    still.work()
    yield still
    still.close()


def put(still: Still, *paths: str) -> None:
    """Files that cannot run, and what is told of them."""
    for path in paths:
        (still.root / path).parent.mkdir(parents=True, exist_ok=True)
        (still.root / path).write_text("text")
    still.work()
    still.emitted.events.clear()


def moved(still: Still, old: str, new: str) -> set[tuple[str, str]]:
    """What is told when it is moved, besides that."""
    (still.root / old).rename(still.root / new)
    still.work()
    return still.told() - {("rename", f"/{new}")}


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("tmp/x", "root/.ssh", "authorized_keys"),
        ("tmp/w", "var/www/w", "shell.php"),
        ("tmp/w", "var/www/w", "sub/shell.php"),
        ("etc/w", "var/www/w", "sub/shell.php"),
        ("home/x", "var/www/x", "shell.php"),
        ("home/x", "root/.ssh", "authorized_keys"),
    ],
)
def test_what_was_not_told_where_it_was_is_told_where_it_is(still: Still, old: str, new: str, name: str) -> None:
    put(still, f"{old}/{name}")
    assert ("create", f"/{new}/{name}") in moved(still, old, new)
    created = [e for e in still.emitted.events if e.file is not None and e.file.path == f"/{new}/{name}"]
    assert [e.evidence.source for e in created] == ["scan"]


def test_the_directory_of_an_entry_is_moved_aside_and_another_takes_its_place(still: Still) -> None:
    put(still, "tmp/c/job")
    (still.root / "etc/cron.d").rename(still.root / "etc/cron.old")
    assert ("create", "/etc/cron.d/job") in moved(still, "tmp/c", "etc/cron.d")


@pytest.mark.parametrize(
    ("old", "new"), [("var/www/a", "var/www/b"), ("etc/a", "var/www/b"), ("root/.ssh", "etc/a"), ("var/www/a", "tmp/a")]
)
def test_what_was_told_where_it_was_is_not_told_again(still: Still, old: str, new: str) -> None:
    put(still, f"{old}/file")
    assert moved(still, old, new) == set()


def test_where_only_programs_are_told_before_and_after_nothing_is_looked_at_again(still: Still) -> None:
    put(still, "tmp/a/file")
    for number in range(600):
        os.mknod(still.root / f"tmp/a/{number}")
    still.clock.advance(1.0)
    still.work()
    still.clock.advance(10.0)
    before = still.counters.losses[TOO_MANY]
    assert moved(still, "tmp/a", "tmp/b") == set()
    assert still.counters.losses[TOO_MANY] == before


def test_what_came_right_after_the_move_or_to_where_nobody_watched_yet_is_told(still: Still) -> None:
    put(still, "var/www/a/old.php")
    (still.root / "var/www/a/new").mkdir()
    (still.root / "var/www/a/new/before.php").write_text("<?php")
    (still.root / "var/www/a").rename(still.root / "var/www/b")
    (still.root / "var/www/b/after.php").write_text("<?php")
    still.work()
    created = {path for kind, path in still.told() if kind == "create"}
    assert created == {"/var/www/a/new", "/var/www/b/new/before.php", "/var/www/b/after.php"}


def another_job_is_moved_in(still: Still) -> None:
    put(still, "tmp/c/job")
    (still.root / "etc/app").rename(still.root / "etc/app.old")
    (still.root / "tmp/c").rename(still.root / "etc/app")


def another_job_is_written_anew(still: Still) -> None:
    shutil.rmtree(still.root / "etc/app")
    write_another_job(still)


def another_job_is_written_where_the_directory_was_moved_aside(still: Still) -> None:
    (still.root / "etc/app").rename(still.root / "opt/app")
    write_another_job(still)


def another_job_is_written_where_the_first_was_moved_aside(still: Still) -> None:
    (still.root / "etc/app/job").rename(still.root / "opt/job")
    (still.root / "etc/app").rmdir()
    write_another_job(still)


def write_another_job(still: Still) -> None:
    (still.root / "etc/app").mkdir()
    (still.root / "etc/app/job").write_text("evil")


@pytest.mark.parametrize(
    "comes",
    [
        another_job_is_moved_in,
        another_job_is_written_anew,
        another_job_is_written_where_the_directory_was_moved_aside,
        another_job_is_written_where_the_first_was_moved_aside,
    ],
)
def test_a_file_that_takes_the_place_of_one_just_told_is_told(still: Still, comes: Callable[[Still], None]) -> None:
    (still.root / "opt").mkdir()
    put(still, "etc/app/job")
    still.clock.advance(0.5)
    comes(still)
    still.work()
    still.clock.advance(HOLD_OFF_S)
    still.work()
    assert ("create", "/etc/app/job") in still.told()
