"""A few files are watched themselves: what happens to them by another name is told, and by their own not twice."""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_scene import APP, make_root
from file_still import Still

from collectors import statx
from sensor.model.kinds import Kind

pytestmark = pytest.mark.kernel


@pytest.fixture
def still(tmp_path: Path) -> Iterator[Still]:
    root = make_root(tmp_path, ["etc", "opt", "home/anna/.ssh", "other/etc"])
    (root / "home/anna/.ssh/authorized_keys").write_text("ssh-ed25519 AAAA")
    still = Still(root)
    still.task.start_container(APP, still.root_fd)
    yield still
    still.close()


@pytest.mark.parametrize("path", ["etc/passwd", "home/anna/.ssh/authorized_keys"])
def test_what_is_written_through_a_hard_link_is_told(still: Still, path: str) -> None:
    link = still.root / "opt/link"
    os.link(still.root / path, link)
    still.work()
    assert still.told() == {("attributes", "/" + path)}, "it has one link more"
    with link.open("a") as file:
        file.write("evil")
    still.work()
    assert ("modify", "/" + path) in still.told()


def test_a_link_that_is_deleted_before_it_is_written_hides_nothing(still: Still) -> None:
    os.link(still.root / "etc/passwd", still.root / "opt/link")
    with (still.root / "opt/link").open("a") as file:
        (still.root / "opt/link").unlink()
        file.write("evil")
    still.work()
    assert ("modify", "/etc/passwd") in still.told()


def test_a_write_through_a_mapping_is_told_however_late_it_is_closed(still: Still) -> None:
    still.clock.wall_ns = (still.root / "etc/passwd").stat().st_ctime_ns
    with (still.root / "etc/passwd").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        mapping[:4] = b"evil"
        still.clock.advance(60)
    still.work()
    assert still.told() == {("modify", "/etc/passwd")}


def test_a_write_through_a_mapping_of_a_link_is_told(still: Still) -> None:
    os.link(still.root / "etc/passwd", still.root / "opt/link")
    with (still.root / "opt/link").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        mapping[:4] = b"evil"
    still.work()
    assert ("modify", "/etc/passwd") in still.told()


def test_a_mode_that_is_changed_through_a_hard_link_is_told(still: Still) -> None:
    os.link(still.root / "etc/passwd", still.root / "opt/link")
    still.work()
    (still.root / "opt/link").chmod(0o666)
    still.work()
    assert still.watch.folded == 1, "with that of the link itself"


def test_a_mode_that_is_changed_for_the_first_time_is_told_though_an_overlay_then_has_another_birth(
    still: Still, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.link(still.root / "etc/passwd", still.root / "opt/link")
    still.work()
    still.emitted.events.clear()
    still.clock.advance(10.0)
    monkeypatch.setattr(statx, "born_ns", lambda *_: still.clock.wall())
    (still.root / "opt/link").chmod(0o666)
    still.work()
    assert still.told() == {("attributes", "/etc/passwd")}


def test_a_change_by_the_files_own_name_is_told_once(still: Still) -> None:
    with (still.root / "etc/passwd").open("a") as file:
        file.write("more")
    (still.root / "etc/passwd").chmod(0o600)
    still.work()
    (still.root / "etc/passwd").unlink()
    still.work()
    assert sorted(event.kind for event in still.emitted.events) == [
        Kind.FILE_ATTRIBUTES,
        Kind.FILE_DELETE,
        Kind.FILE_MODIFY,
    ]
    assert still.watch.folded == 0


def test_the_successor_of_a_file_is_watched_and_the_file_itself_no_more(still: Still) -> None:
    os.link(still.root / "etc/passwd", still.root / "opt/old")
    (still.root / "etc/new").write_text("x")
    (still.root / "etc/new").rename(still.root / "etc/passwd")
    still.work()
    still.emitted.events.clear()
    (still.root / "opt/old").write_text("unseen")
    still.work()
    assert not still.told()
    os.link(still.root / "etc/passwd", still.root / "opt/link")
    (still.root / "opt/link").write_text("seen")
    still.work()
    assert ("modify", "/etc/passwd") in still.told()


def test_a_file_of_two_containers_is_told_once_in_each(still: Still) -> None:
    os.link(still.root / "etc/passwd", still.root / "other/etc/passwd")
    other = os.open(still.root / "other", os.O_PATH)
    still.task.start_container("other", other)
    still.work()
    still.emitted.events.clear()
    with (still.root / "other/etc/passwd").open("a") as file:
        file.write("more")
    still.work()
    told = [(event.container and event.container.id, event.kind) for event in still.emitted.events]
    assert sorted(map(str, told)) == sorted(str((name, Kind.FILE_MODIFY)) for name in (APP, "other"))
    os.close(other)
