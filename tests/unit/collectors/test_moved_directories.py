"""What was told of a directory that is on its way, with a kernel that only gives numbers."""

import pytest

from collectors.moved_directories import KEPT, Contents, MovedDirectories, was_told
from collectors.watch_list import Entry
from collectors.watch_plan import Spot, plan
from collectors.watch_table import WatchTable

ENTRIES = [
    Entry(b"/etc", "accounts", depth=1),
    Entry(b"/root", "start files", names=frozenset({b".bashrc"})),
    Entry(b"/tmp", "programs", depth=1, programs=True),
]


class FakeKernel:
    """The directory's descriptor is its watch."""

    def add(self, place: int, mask: int, *, is_directory: bool = True, name: bytes = b"") -> int:
        return place

    def remove(self, wd: int) -> None:
        pass


class Scene:
    """A container `c` with the directories of the entries."""

    def __init__(self) -> None:
        self.plan = plan(ENTRIES)
        self.table = WatchTable(FakeKernel(), 100)
        self.moved = MovedDirectories(self.table)
        for path in (b"", b"/etc", b"/etc/app", b"/etc/else", b"/root", b"/tmp", b"/tmp/app"):
            self.watch(path)

    def watch(self, path: bytes) -> None:
        spots: list[Spot] = [self.plan]
        for name in filter(None, path.split(b"/")):
            spots = [below for spot in spots for below in spot.below(name, is_directory=True)]
        self.table.add("c", path, tuple(spots), directory=len(self.table) + 1)

    def leaves(self, path: bytes) -> Contents:
        """What it holds when it is moved; it is let go of then."""
        directory, _, name = path.rpartition(b"/")
        place = self.table.at("c", directory)
        assert place is not None
        contents = self.moved.contents([place], name)
        self.table.drop_from("c", path)
        return contents


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize(
    ("moved", "path", "told"),
    [
        (b"/etc", b"/etc/file", True),
        (b"/etc", b"/etc/app/file", True),
        (b"/etc", b"/etc/app/sub/file", False),  # one level too deep
        (b"/etc/app", b"/etc/app/file", True),
        (b"/etc/app", b"/etc/else/file", False),  # not what was moved
        (b"/root", b"/root/.bashrc", True),
        (b"/root", b"/root/file", False),
        (b"/tmp", b"/tmp/app/file", False),
        (b"/opt", b"/opt/file", False),
    ],
)
def test_what_was_told_is_known_by_the_entries(scene: Scene, moved: bytes, path: bytes, told: bool) -> None:
    assert was_told([scene.leaves(moved)], "c", path, programs=False) is told
    assert not was_told([], "c", path, programs=False)


def test_it_was_told_only_in_the_container_that_had_it(scene: Scene) -> None:
    assert not was_told([scene.leaves(b"/etc")], "d", b"/etc/file", programs=False)


def test_where_programs_are_told_before_and_after_they_are_known(scene: Scene) -> None:
    assert was_told([scene.leaves(b"/tmp/app")], "c", b"/tmp/app/file", programs=True)


def test_a_name_that_came_after_the_move_is_not_known(scene: Scene) -> None:
    scene.table.names.learn("c", b"/etc/app", [b"before"])
    held = [scene.leaves(b"/etc/app")]
    assert was_told(held, "c", b"/etc/app/before", programs=False)
    assert not was_told(held, "c", b"/etc/app/after", programs=False)


def test_of_two_that_were_exchanged_either_may_have_told_it(scene: Scene) -> None:
    scene.table.names.learn("c", b"/etc/app", [b"file"])
    held = [scene.leaves(b"/etc/else"), scene.leaves(b"/etc/app")]
    assert was_told(held, "c", b"/etc/app/file", programs=False)


def test_the_second_half_is_told_once_what_the_first_held(scene: Scene) -> None:
    contents = scene.leaves(b"/etc")
    scene.moved.left(1, contents)
    assert scene.moved.arrived(1) == (contents,)
    assert scene.moved.arrived(1) == ()


def test_what_stays_away_and_too_many_on_their_way_are_forgotten(scene: Scene) -> None:
    for cookie in range(KEPT + 1):
        scene.moved.left(cookie, {})
    scene.moved.stayed_away(2)
    assert [cookie for cookie in range(KEPT + 1) if not scene.moved.arrived(cookie)] == [0, 2]
