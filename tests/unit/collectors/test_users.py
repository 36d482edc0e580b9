"""Names of users by a container's own /etc/passwd."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.users import AGAIN_S, LIMIT, Users, parse_passwd
from tests.fakes import FakeClock


class Image:
    """A container `c` whose root is a directory, and no other."""

    def __init__(self, root: Path) -> None:
        (root / "etc").mkdir()
        self.passwd = root / "etc" / "passwd"
        self.fd = os.open(root, os.O_PATH)
        self.clock = FakeClock()
        self.users = Users({"c": self.fd}.get, self.clock)


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Image]:
    made = Image(tmp_path)
    yield made
    os.close(made.fd)


def test_the_first_line_of_a_uid_counts_and_what_is_no_line_is_passed_over() -> None:
    raw = (
        b"root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\n#x\n\nn:x:-1:1\nn:x:12345678901:1\nw\xff:x:33:33\nshort:x:7\n"
    )
    assert parse_passwd(raw) == {0: "root", 33: "w\\xff"}


def test_a_name_is_that_of_the_container(image: Image) -> None:
    image.passwd.write_text("app:x:1000:1000::/:/bin/sh\n")
    assert image.users.name("c", 1000) == "app"
    assert image.users.name("another", 1000) is None


def test_an_unknown_uid_has_the_file_read_again_and_a_known_one_does_not(image: Image) -> None:
    image.passwd.write_text("app:x:1000:1000::/:/bin/sh\n")
    assert image.users.name("c", 1001) is None
    image.passwd.write_text("other:x:1000:1000\nnew:x:1001:1001\n")
    image.clock.advance(AGAIN_S)
    assert image.users.name("c", 1001) is None
    image.clock.advance(1)
    assert image.users.name("c", 1000) == "app"
    assert image.users.name("c", 1001) == "new"
    assert image.users.name("c", 1000) == "other"


def test_a_container_that_comes_again_has_its_file_read_anew(image: Image) -> None:
    image.passwd.write_text("app:x:1000:1000\n")
    assert image.users.name("c", 1000) == "app"
    image.passwd.write_text("web:x:1000:1000\n")
    image.users.forget("c")
    assert image.users.name("c", 1000) == "web"


def test_of_a_long_file_the_beginning_is_read(image: Image) -> None:
    image.passwd.write_text("app:x:1000:1000::/:" + "x" * LIMIT + "\nlast:x:1001:1001\n")
    assert (image.users.name("c", 1000), image.users.name("c", 1001)) == ("app", None)


def test_a_file_that_cannot_be_read_costs_the_name_and_nothing_else(
    image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert image.users.name("c", 1000) is None
    image.passwd.write_text("app:x:1000:1000\n")

    def fail(_fd: int, _most: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    image.users.forget("c")
    with monkeypatch.context() as patch:
        patch.setattr(os, "read", fail)
        assert image.users.name("c", 1000) is None
