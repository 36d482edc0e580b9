"""A place is local when a process that sees it says so."""

from pathlib import Path

import pytest

from collectors import local_mounts
from collectors.local_mounts import LocalMounts
from collectors.process_table import Tracked
from collectors.procfs import Procfs
from collectors.statx import Place
from sensor.model.events import Timestamp

LINES = {
    10: "71 1 0:30 / / rw - overlay overlay rw",
    11: "72 1 0:31 / /efs rw - nfs4 srv:/ rw",
    12: "73 1 0:32 / /x rw - tmpfs x rw",
}


@pytest.fixture
def mounts(tmp_path: Path) -> LocalMounts:
    for name, line in [*LINES.items(), ("self", "74 1 254:0 / / rw - ext4 /dev/vda rw")]:
        (tmp_path / str(name)).mkdir()
        (tmp_path / str(name) / "mountinfo").write_text(line + "\n")
    return LocalMounts(Procfs(str(tmp_path)))


def process(pid: int, parent: Tracked | None = None) -> Tracked:
    return Tracked(pid, str(pid), 1, Timestamp(0), parent)


def test_by_the_process_itself(mounts: LocalMounts) -> None:
    assert mounts.has(Place(71, 30), process(10))
    assert not mounts.has(Place(72, 31), process(11))
    assert not mounts.has(Place(73, 32), process(10))


def test_by_the_parent_of_what_changed_its_root_and_by_ourselves(mounts: LocalMounts) -> None:
    jailed = process(10, parent=process(12))
    assert mounts.has(Place(73, 32), jailed)
    assert mounts.has(Place(74, 254), jailed)


def test_a_parent_that_has_ended_is_not_asked(mounts: LocalMounts) -> None:
    parent = process(12)
    parent.ended = 1.0
    assert not mounts.has(Place(73, 32), process(10, parent))


def test_what_was_local_stays_so_when_nobody_can_be_asked_any_more(mounts: LocalMounts) -> None:
    assert not mounts.has(Place(71, 30), process(99))
    assert mounts.has(Place(71, 30), process(10))
    assert mounts.has(Place(71, 30), process(99))
    assert not mounts.has(Place(71, 31), process(99))


def test_what_is_remembered_is_bounded(mounts: LocalMounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_mounts, "REMEMBERED", 2)
    for device in range(5):
        assert mounts.has(Place(71, device), process(10))
    assert [mounts.has(Place(71, device), process(99)) for device in (0, 3, 4)] == [False, True, True]
