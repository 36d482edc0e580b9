"""The arithmetic of the cursor, and what counts as another program."""

from hypothesis import given
from hypothesis import strategies as st

from collectors.process_cursor import MOST_NUMBERS, RESERVED_PIDS, Program, handed_out

SEEN = (11, 12, 13)
REFUSED = (1, 1, 0)


def test_numbers_follow_the_cursor() -> None:
    assert list(handed_out(10, 13, 32768)) == [11, 12, 13]
    assert list(handed_out(10, 10, 32768)) == []


def test_numbers_begin_again_after_pid_max() -> None:
    assert handed_out(32765, 301, 32768) == [32766, 32767, 300, 301]


def test_a_cursor_set_back_by_hand_is_a_jump() -> None:
    assert len(handed_out(5000, 400, 4_194_304)) > MOST_NUMBERS


@given(st.integers(300, 32767), st.integers(300, 32767))
def test_every_number_is_looked_at_once_and_none_is_reserved(last: int, now: int) -> None:
    numbers = list(handed_out(last, now, 32768))
    assert len(numbers) == len(set(numbers))
    assert all(RESERVED_PIDS <= n < 32768 for n in numbers)
    assert last not in numbers
    assert (now in numbers) == (now != last)


def test_another_image_is_another_program_even_with_the_same_arguments() -> None:
    before = Program(SEEN, "/bin/sh", ("sh",))
    assert Program((21, 22, 23), "/bin/sh", ("sh",)).differs(before)
    assert not Program(SEEN, "/bin/sh", ("sh",)).differs(before)
    assert Program(SEEN, "/bin/sh", ("sh",)).differs(None)


def test_a_program_that_rewrites_its_arguments_is_the_same_one() -> None:
    before = Program(SEEN, "/usr/sbin/nginx", ("nginx",))
    assert not Program(SEEN, "/usr/sbin/nginx", ("nginx: master process",)).differs(before)
    assert not Program(REFUSED, "/usr/sbin/nginx", ("x",)).differs(before._replace(image=REFUSED))


def test_where_the_image_is_refused_the_executable_decides() -> None:
    before = Program(REFUSED, "/bin/sh", ("sh",))
    assert Program(REFUSED, "/usr/bin/env", ("env",)).differs(before)
    assert not Program(REFUSED, None, ("env",)).differs(before)
