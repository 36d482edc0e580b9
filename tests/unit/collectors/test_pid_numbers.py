"""The arithmetic of the cursor."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from collectors.pid_numbers import COUNTED_S, MOST_NUMBERS, RESERVED_PIDS, PidNumbers, handed_out
from collectors.procfs import Procfs

TICK_S = 0.02
IN_USE = 100
ROUND = 32768 - RESERVED_PIDS - IN_USE
"""What the kernel hands out until it comes to the same number again: those in use are passed over."""


def numbers(last: int, now: int, pid_max: int) -> list[int]:
    found = handed_out(last, now, pid_max)
    assert found is not None
    return list(found)


def test_numbers_follow_the_cursor() -> None:
    assert numbers(10, 13, 32768) == [11, 12, 13]
    assert numbers(10, 10, 32768) == []


def test_numbers_begin_again_after_pid_max() -> None:
    assert numbers(32765, 301, 32768) == [32766, 32767, 300, 301]


def test_a_cursor_set_by_hand_is_a_jump() -> None:
    assert handed_out(5000, 400, 4_194_304) is None
    assert handed_out(5000, 5001 + MOST_NUMBERS, 4_194_304) is None


@given(st.integers(300, 32767), st.integers(300, 32767))
def test_every_number_is_looked_at_once_and_none_is_reserved(last: int, now: int) -> None:
    found = numbers(last, now, 32768)
    assert len(found) == len(set(found))
    assert all(RESERVED_PIDS <= n < 32768 for n in found)
    assert last not in found
    assert (now in found) == (now != last)


class Kernel:
    """A /proc with a cursor and a count of forks, and numbers that follow both."""

    def __init__(self, root: Path, pid_max: int = 32768) -> None:
        self.root = root
        (root / "sys/kernel").mkdir(parents=True)
        self.pid_max(pid_max)
        self.count = 1000
        self.clock = FakeClock()
        self.says(500)
        self.numbers = PidNumbers(Procfs(str(root)), self.clock)
        self.numbers.open()

    def pid_max(self, number: int) -> None:
        (self.root / "sys/kernel/pid_max").write_text(f"{number}\n")

    def says(self, last: int, forks: int = 0) -> None:
        """The number handed out last, and how many forks there were since it was told before."""
        self.count += forks
        (self.root / "loadavg").write_text(f"0.10 0.10 0.10 1/{IN_USE} {last}\n")
        (self.root / "stat").write_text(f"cpu 1 2 3\nintr 5 0 0\nctxt 9\nprocesses {self.count}\nprocs_running 1\n")

    def look(self, after: float = TICK_S) -> tuple[list[int] | None, int]:
        """What is new, and how many more nobody has seen."""
        self.clock.advance(after)
        found = self.numbers.look()
        return None if found.numbers is None else list(found.numbers), found.unseen


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    made = Kernel(tmp_path)
    yield made
    made.numbers.close()


def test_what_is_new_is_seen_once(kernel: Kernel) -> None:
    assert not kernel.numbers.are_new()
    kernel.says(502, forks=2)
    assert kernel.numbers.are_new()
    assert kernel.look() == ([501, 502], 0)
    assert kernel.look() == ([], 0)


def test_rounds_that_went_by_during_a_stop_are_counted(kernel: Kernel) -> None:
    kernel.look()
    kernel.says(510, forks=10 + 2 * ROUND)
    assert kernel.look(after=60) == (list(range(501, 511)), 2 * ROUND)


def test_a_whole_round_to_the_same_number_is_counted(kernel: Kernel) -> None:
    kernel.look()
    kernel.says(500, forks=ROUND)
    assert not kernel.numbers.are_new()
    assert kernel.look(after=60) == ([], ROUND)


def test_forks_elsewhere_are_no_rounds_while_we_look_often(kernel: Kernel) -> None:
    for _ in range(100):
        kernel.says(500, forks=10_000)
        assert kernel.look() == ([], 0)


def test_forks_elsewhere_of_less_than_a_round_are_none_after_a_stop(kernel: Kernel) -> None:
    kernel.look()
    kernel.says(510, forks=30_000)
    assert kernel.look(after=60) == (list(range(501, 511)), 0)


def test_what_was_seen_since_the_forks_were_counted_is_no_round_after_a_stop(kernel: Kernel) -> None:
    kernel.look()
    for last in range(1500, 20_501, 1000):
        kernel.says(last, forks=1000)
        assert kernel.look()[1] == 0
    kernel.says(25_500, forks=5000 + 25_000)
    assert kernel.look(after=2) == (list(range(20_501, 25_501)), 0)


def test_a_round_shows_where_nothing_is_new(kernel: Kernel) -> None:
    kernel.look()
    kernel.says(500, forks=ROUND)
    kernel.clock.advance(60)
    assert not kernel.numbers.are_new()
    assert kernel.numbers.went_round() == ROUND
    assert kernel.numbers.went_round() == 0


def test_what_cannot_be_counted_now_is_counted_by_the_next_look(kernel: Kernel) -> None:
    kernel.look()
    kernel.says(501, forks=1 + ROUND)
    (kernel.root / "stat").write_text("nothing of the kind\n")
    assert kernel.look(after=60) == ([501], 0)
    kernel.says(501)
    assert kernel.look(after=COUNTED_S / 2) == ([], ROUND)


def test_where_few_numbers_go_round_each_look_counts(kernel: Kernel) -> None:
    kernel.pid_max(400)
    kernel.says(310, forks=10)
    kernel.look()  # from there on by the new bound
    for _ in range(5):
        kernel.says(310, forks=300)
        assert kernel.look() == ([], 300)


def test_what_went_by_between_two_lives_is_new_to_the_second(kernel: Kernel) -> None:
    kernel.numbers.close()
    kernel.says(503, forks=3)
    kernel.numbers.open()
    assert kernel.look(after=5) == ([501, 502, 503], 0)


def test_a_jump_is_bounded_by_the_numbers_or_by_the_forks(kernel: Kernel) -> None:
    kernel.pid_max(4_194_304)
    kernel.numbers.open()
    kernel.says(400)
    assert kernel.look() == (None, 4_194_304 - 100)  # nothing was counted before
    kernel.look(after=COUNTED_S)
    kernel.says(300, forks=7)
    assert kernel.look() == (None, 7)
