"""The arithmetic of the cursor."""

from hypothesis import given
from hypothesis import strategies as st

from collectors.pid_numbers import MOST_NUMBERS, RESERVED_PIDS, handed_out


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
