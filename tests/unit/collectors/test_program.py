"""What counts as another program in a process."""

from collectors.program import Program

SEEN = (11, 0x7FFC_1234_5678, 13)
ALIKE = (11, 0x7FFF_FFFF_E420, 13)
"""Without random places, as after `setarch -R`."""
REFUSED = (1, 1, 0)


def test_another_image_is_another_program_even_with_the_same_arguments() -> None:
    before = Program(SEEN, "/bin/sh", ("sh",))
    assert Program((21, 22, 23), "/bin/sh", ("sh",)).differs(before)
    assert not Program(SEEN, "/bin/sh", ("sh",)).differs(before)
    assert Program(SEEN, "/bin/sh", ("sh",)).differs(None)


def test_where_images_lie_alike_the_executable_decides() -> None:
    before = Program(ALIKE, "/bin/sh", ("sh",))
    assert Program(ALIKE, "/usr/bin/env", ("env",)).differs(before)
    assert not Program(ALIKE, "/bin/sh (deleted)", ("sh",)).differs(before)
    assert not Program(SEEN, "/opt/renamed", ("sh",)).differs(before._replace(image=SEEN)), "its file has another name"


def test_a_program_that_rewrites_its_arguments_is_the_same_one() -> None:
    before = Program(SEEN, "/usr/sbin/nginx", ("nginx",))
    assert not Program(SEEN, "/usr/sbin/nginx", ("nginx: master process",)).differs(before)
    assert not Program(REFUSED, "/usr/sbin/nginx", ("x",)).differs(before._replace(image=REFUSED))


def test_where_the_image_is_refused_the_executable_decides() -> None:
    before = Program(REFUSED, "/bin/sh", ("sh",))
    assert Program(REFUSED, "/usr/bin/env", ("env",)).differs(before)
    assert not Program(REFUSED, None, ("env",)).differs(before)
    deleted = Program(REFUSED, "/bin/sh (deleted)", ("sh",))
    assert not deleted.differs(before), "its file was deleted or replaced, and it goes on"
    assert not before.differs(deleted)
    assert Program(REFUSED, "/usr/bin/env (deleted)", ("env",)).differs(deleted)


def test_what_is_seen_now_and_was_not_before_is_another_program() -> None:
    unseen = Program((0, 0, 0), None, None)
    assert Program(SEEN, None, None).differs(unseen)
    assert Program(REFUSED, "/bin/sh", ("sh",)).differs(unseen)
    assert not Program((0, 0, 0), None, ("sh",)).differs(unseen)


def test_the_same_arguments_with_an_executable_that_shows_now_are_the_same_program() -> None:
    hidden = Program(REFUSED, None, ("sh",))
    assert not Program(REFUSED, "/bin/sh", ("sh",)).differs(hidden)
    assert Program(REFUSED, "/bin/sh", ("sh", "-c")).differs(hidden)


def test_a_program_of_many_tools_is_another_one_by_its_arguments() -> None:
    """The shell of Alpine executes in its own place what `sh -c id` names, and lies in the same file."""
    before = Program(REFUSED, "/bin/busybox", ("sh", "-c", "id"))
    assert Program(REFUSED, "/bin/busybox", ("id",)).differs(before)
    assert Program(ALIKE, "/bin/busybox", ("id",)).differs(before._replace(image=ALIKE))
    assert not Program(REFUSED, "/bin/busybox (deleted)", before.args).differs(before)
    assert not Program(REFUSED, "/bin/busybox", None).differs(before), "its arguments had to make room"
    assert not Program(SEEN, "/bin/busybox", ("id",)).differs(before._replace(image=SEEN))
