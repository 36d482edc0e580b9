"""Which sockets a process holds, by looks that read as few links as they can."""

from pathlib import Path

import pytest

from collectors.descriptor_map import LATELY, MOST_MAPS, DescriptorMap, DescriptorMaps
from collectors.procfs import MOST_LISTED, Procfs


class FakeDescriptors:
    """The descriptors of PID 7 below a directory; counts the links that are read."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "7" / "fd"
        self.folder.mkdir(parents=True)
        self.procfs = Procfs(str(root))

    def open(self, number: int, inode: int | None = None) -> None:
        self.close(number)
        (self.folder / str(number)).symlink_to(f"socket:[{inode}]" if inode else "/dev/null")

    def close(self, number: int) -> None:
        (self.folder / str(number)).unlink(missing_ok=True)


def test_the_first_look_reads_the_newest_numbers_first_and_stops_at_what_it_seeks(tmp_path: Path) -> None:
    app = FakeDescriptors(tmp_path)
    for number in range(10):
        app.open(number, 100 + number)
    found = DescriptorMap().look(app.procfs, 7, 107, 100)

    assert found.inodes == [109, 108, 107]
    assert found.links == 3


def test_of_very_many_descriptors_the_first_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, listed = FakeDescriptors(tmp_path), list[int]()
    for number in range(10):
        app.open(number, 100 + number)
    numbers = Procfs.descriptor_numbers

    def few(procfs: Procfs, pid: int, most: int = MOST_LISTED) -> list[int]:
        listed.append(most)
        return numbers(procfs, pid, 4)

    monkeypatch.setattr(Procfs, "descriptor_numbers", few)
    assert DescriptorMap().look(app.procfs, 7, 1, 100).links == 4
    assert listed == [MOST_LISTED]


def test_a_new_descriptor_of_a_busy_process_is_one_link_away(tmp_path: Path) -> None:
    app, known = FakeDescriptors(tmp_path), DescriptorMap()
    for number in range(200):
        app.open(number)
    known.look(app.procfs, 7, 1, 1000)
    app.open(200, 77)

    assert known.look(app.procfs, 7, 77, 1000) == ([77], 1)


def test_a_number_that_is_used_again_is_found_among_those_read_last(tmp_path: Path) -> None:
    app, known = FakeDescriptors(tmp_path), DescriptorMap()
    for number in range(200):
        app.open(number)
    known.look(app.procfs, 7, 1, 1000)
    app.open(200, 77)
    known.look(app.procfs, 7, 77, 1000)
    app.open(200, 78)

    assert known.look(app.procfs, 7, 78, 1000) == ([78], 1)


def test_a_socket_in_the_place_of_the_last_one_is_found_without_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, known, listed = FakeDescriptors(tmp_path), DescriptorMap(), list[int]()
    numbers = Procfs.descriptor_numbers

    def count(procfs: Procfs, pid: int, most: int = MOST_LISTED) -> list[int]:
        listed.append(pid)
        return numbers(procfs, pid, most)

    monkeypatch.setattr(Procfs, "descriptor_numbers", count)
    for inode in (77, 78, 79):
        app.open(3, inode)
        assert known.look(app.procfs, 7, inode, 1000) == ([inode], 1)
    assert len(listed) == 1

    app.open(4, 80)
    assert known.look(app.procfs, 7, 80, 1000) == ([80], 1), "another place, beside a socket that is still there"
    app.close(4)
    app.open(5, 81)
    assert known.look(app.procfs, 7, 81, 1000) == ([81], 1), "another place, the last one is empty"
    assert len(listed) == 3


def test_a_socket_under_the_number_that_was_free_is_found_without_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, known = FakeDescriptors(tmp_path), DescriptorMap()
    for number in (0, 1, 2, 4):
        app.open(number)
    assert known.look(app.procfs, 7, 76, 1000) == ([], 4), "it is over by now"

    monkeypatch.setattr(Procfs, "descriptor_numbers", lambda *_: pytest.fail("a list was made"))
    app.open(3, 77)
    assert known.look(app.procfs, 7, 77, 1000) == ([77], 1)


def test_a_socket_that_was_closed_between_the_list_and_its_link_leaves_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, known = FakeDescriptors(tmp_path), DescriptorMap()
    app.open(0)
    with monkeypatch.context() as patched:
        patched.setattr(Procfs, "descriptor_numbers", lambda *_: [0, 1])
        assert known.look(app.procfs, 7, 76, 1000) == ([], 2)

        patched.setattr(Procfs, "descriptor_numbers", lambda *_: pytest.fail("a list was made"))
        app.open(1, 77)
        assert known.look(app.procfs, 7, 77, 1000) == ([77], 1)


def test_what_one_look_had_to_leave_out_comes_first_in_the_next(tmp_path: Path) -> None:
    app, known = FakeDescriptors(tmp_path), DescriptorMap()
    for number in range(100):
        app.open(number, 1000 + number)
    first = known.look(app.procfs, 7, 1, 60)
    second = known.look(app.procfs, 7, 1, 60)

    assert first.links == 60
    assert second.inodes[:40] == [1039 - n for n in range(40)]


def test_the_longest_unread_are_read_again_after_those_read_last(tmp_path: Path) -> None:
    app, known = FakeDescriptors(tmp_path), DescriptorMap()
    for number in range(100):
        app.open(number)
    known.look(app.procfs, 7, 1, 1000)
    app.open(99, 5)  # the first that was read, so by now the longest unread

    assert known.look(app.procfs, 7, 5, 1000) == ([5], LATELY + 1)


def test_a_closed_descriptor_is_forgotten(tmp_path: Path) -> None:
    app, known = FakeDescriptors(tmp_path), DescriptorMap()
    app.open(3, 5)
    known.look(app.procfs, 7, 5, 10)
    app.close(3)

    assert known.look(app.procfs, 7, 5, 10) == ([], 0)


def test_the_maps_are_bounded(tmp_path: Path) -> None:
    app, maps = FakeDescriptors(tmp_path), DescriptorMaps()
    app.open(3, 5)
    app.open(4, 6)
    maps.look(app.procfs, (7, 0), 1, 10)
    assert maps.look(app.procfs, (7, 0), 1, 1).inodes == [5], "read last, and so first"
    for start in range(1, MOST_MAPS + 1):
        maps.look(app.procfs, (7, start), 1, 10)

    assert maps.look(app.procfs, (7, 0), 1, 1).inodes == [6], "the highest number, as at the first look"
