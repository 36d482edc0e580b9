"""Watches and the places they stand for, with a kernel that only counts."""

from collections.abc import Iterable

import pytest

from collectors.watch_list import Entry
from collectors.watch_plan import Spot, plan
from collectors.watch_table import BUDGET, DIRECTORIES, LIMIT, REMEMBERED, WatchTable

ROOT = plan([Entry(b"/etc", "accounts"), Entry(b"/www", "web", depth=1), Entry(b"/bin", "programs")])
ETC, BIN, WWW = ROOT.named[b"etc"], ROOT.named[b"bin"], ROOT.named[b"www"]
BELOW = WWW.patterns[b"*"]


class FakeKernel:
    """One watch a directory, as inotify has it; descriptors stand for directories."""

    def __init__(self) -> None:
        self.watched: dict[int, int] = {}
        self._last = 0

    def add(self, place: int, mask: int, *, is_directory: bool = True, name: bytes = b"") -> int:
        if place not in self.watched:
            self._last += 1
            self.watched[place] = self._last
        return self.watched[place]

    def remove(self, wd: int) -> None:
        self.watched = {directory: held for directory, held in self.watched.items() if held != wd}


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


def table(kernel: FakeKernel, limit: int = 100) -> WatchTable:
    return WatchTable(kernel, limit)


def paths(found: WatchTable, container: str, names: Iterable[bytes]) -> list[bytes]:
    return [name for name in names if found.at(container, name)]


def spots(*found: Spot | None) -> tuple[Spot, ...]:
    return tuple(spot for spot in found if spot is not None)


def test_one_directory_of_two_containers_is_one_watch_until_the_last_has_gone(kernel: FakeKernel) -> None:
    held = table(kernel)
    held.add("a", b"/etc", spots(ETC), directory=7)
    held.add("b", b"/bin", spots(BIN), directory=7)
    (wd,) = kernel.watched.values()
    assert [(place.container, place.path) for place in held.places(wd)] == [("a", b"/etc"), ("b", b"/bin")]
    held.drop_container("a")
    assert [place.container for place in held.places(wd)] == ["b"]
    held.drop_container("b")
    assert not kernel.watched
    assert len(held) == 0


def test_of_two_paths_the_one_that_matters_more_comes_first(kernel: FakeKernel) -> None:
    held = table(kernel)
    held.add("a", b"/bin", spots(BIN), directory=7)
    held.add("a", b"/etc", spots(ETC), directory=7)
    assert [place.path for place in held.places(1)] == [b"/etc", b"/bin"]


def test_a_path_that_leads_elsewhere_now_lets_go_of_the_old_directory(kernel: FakeKernel) -> None:
    held = table(kernel)
    held.add("a", b"/etc", spots(ETC), directory=7)
    held.add("a", b"/etc", spots(ETC), directory=8)
    assert set(kernel.watched) == {8}
    assert len(held) == 1


def test_a_directory_goes_with_all_below_it_and_nothing_beside_it(kernel: FakeKernel) -> None:
    held = table(kernel)
    names = [b"/www", b"/www/a", b"/www/b", b"/www2"]
    for number, name in enumerate(names):
        held.add("a", name, spots(BELOW), directory=number)
    held.drop_from("a", b"/www")
    assert paths(held, "a", names) == [b"/www2"]


def test_when_the_budget_is_used_up_the_least_important_makes_room(kernel: FakeKernel) -> None:
    held = table(kernel, limit=2)
    assert held.add("a", b"/www/x", spots(BELOW), directory=1)
    assert held.add("a", b"/bin", spots(BIN), directory=2)
    assert held.add("b", b"/etc", spots(ETC), directory=3)
    assert set(kernel.watched) == {2, 3}
    assert held.unwatched() == {BUDGET: 1}


def test_what_matters_no_more_than_what_is_watched_is_refused_and_counted(kernel: FakeKernel) -> None:
    held = table(kernel, limit=1)
    held.add("a", b"/etc", spots(ETC), directory=1)
    assert not held.add("b", b"/etc", spots(ETC), directory=2)
    assert not held.add("b", b"/bin", spots(BIN), directory=3)
    assert held.unwatched() == {BUDGET: 2}
    held.drop_container("b")
    assert not held.unwatched()


def test_what_is_watched_may_be_added_again_when_the_budget_is_used_up(kernel: FakeKernel) -> None:
    held = table(kernel, limit=1)
    held.add("a", b"/etc", spots(ETC), directory=1)
    assert held.add("a", b"/etc", spots(ETC), directory=1)
    assert not held.unwatched()


def test_a_star_takes_so_many_directories_and_no_more(kernel: FakeKernel) -> None:
    held = table(kernel, limit=10 * DIRECTORIES)
    taken = [held.add("a", b"/www/%d" % n, spots(BELOW), directory=n) for n in range(DIRECTORIES + 5)]
    assert taken.count(True) == DIRECTORIES
    assert held.unwatched() == {LIMIT: 5}
    assert held.add("b", b"/www/0", spots(BELOW), directory=5000), "each container has its own count"
    held.drop_from("a", b"/www/0")
    assert held.add("a", b"/www/more", spots(BELOW), directory=5001)


def test_what_was_left_out_below_a_directory_goes_with_it(kernel: FakeKernel) -> None:
    held = table(kernel)
    held.add("a", b"/www", spots(WWW), directory=1)
    for path in (b"/www", b"/www/x", b"/www/x/y", b"/www2"):
        held.refuse("a", path, LIMIT)
    held.drop_from("a", b"/www/x")
    assert held.unwatched() == {LIMIT: 3}, "nothing was watched there"
    held.drop_from("a", b"/www")
    assert held.is_refused("a", b"/www2")
    assert held.unwatched() == {LIMIT: 1}


def test_where_a_full_star_has_room_again_it_is_said_once(kernel: FakeKernel) -> None:
    held = table(kernel, limit=10 * DIRECTORIES)
    for n in range(DIRECTORIES + 2):
        held.add("a", b"/www/%d" % n, spots(BELOW), directory=n)
    assert not held.with_room_again()
    held.drop_from("a", b"/www/%d" % DIRECTORIES)
    assert not held.with_room_again(), "that one had no watch"
    held.drop_from("a", b"/www/0")
    assert held.with_room_again() == {"a"}
    assert not held.with_room_again()
    assert held.add("a", b"/www/%d" % (DIRECTORIES + 1), spots(BELOW), directory=5000)
    assert not held.unwatched()


def test_where_the_budget_has_room_again_all_who_had_to_go_without_are_named(kernel: FakeKernel) -> None:
    held = table(kernel, limit=2)
    held.add("a", b"/www/x", spots(BELOW), directory=1)
    held.add("b", b"/etc", spots(ETC), directory=2)
    held.add("c", b"/bin", spots(BIN), directory=3)
    assert not held.add("d", b"/www/x", spots(BELOW), directory=4)
    held.drop_container("d")
    assert not held.with_room_again()
    held.drop_container("b")
    assert held.with_room_again() == {"a"}


def test_a_workload_cannot_make_us_remember_any_number_of_refusals(kernel: FakeKernel) -> None:
    held = table(kernel)
    for n in range(REMEMBERED + 10):
        held.refuse("a", b"/www/%d" % n, BUDGET)
    assert held.unwatched() == {BUDGET: REMEMBERED}


def test_keeping_some_forgets_the_others(kernel: FakeKernel) -> None:
    held = table(kernel)
    held.add("a", b"/etc", spots(ETC), directory=1)
    held.add("a", b"/bin", spots(BIN), directory=2)
    held.add("b", b"/bin", spots(BIN), directory=3)
    held.keep("a", {b"/etc"})
    assert set(kernel.watched) == {1, 3}
