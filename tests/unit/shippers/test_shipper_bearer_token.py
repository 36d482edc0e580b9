"""The token: found, renewed, checked, and never repeated."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sensor.model.errors import RetryableError
from shippers import token_file
from shippers.bearer_token import BearerToken


def test_a_value_is_used_without_its_blanks() -> None:
    assert BearerToken(value=" abc\n", path=None).headers() == {"Authorization": "Bearer abc"}


def test_no_token_is_no_header() -> None:
    token = BearerToken(value=None, path=None)
    assert token.headers() == {}
    assert token.hide("text") == "text"


def test_the_file_goes_before_the_value(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file")
    token = BearerToken(value="from-value", path=str(tmp_path / "token"))
    assert token.headers() == {"Authorization": "Bearer from-file"}


@pytest.mark.parametrize("bad", ["", " \n", "two words", "tok\x00en", "tök", "line\r\nX-Injected: yes"])
def test_what_can_be_no_token_is_said_without_repeating_it(bad: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(bad)
    for token in (BearerToken(value=bad, path=None), BearerToken(value=None, path=str(file))):
        with pytest.raises(RetryableError, match=r"is empty|holds characters") as refused:
            token.headers()
        assert not bad.strip() or bad not in str(refused.value)


def test_a_file_that_comes_later_is_found(tmp_path: Path) -> None:
    file = tmp_path / "token"
    token = BearerToken(value=None, path=str(file))
    with pytest.raises(RetryableError, match=f"the token file {file} cannot be read: No such file"):
        token.headers()
    file.write_text("late")
    assert token.headers() == {"Authorization": "Bearer late"}


def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path) -> None:
    """Without that a read of the FIFO takes what is in it; of one with less in it, it would wait for more."""
    fifo, before = tmp_path / "token", len(os.listdir("/proc/self/fd"))
    os.mkfifo(fifo)
    for path, reason in ((fifo, "it is no plain file"), (tmp_path, "Is a directory")):
        with full(fifo), pytest.raises(RetryableError, match=f"{path} cannot be read: {reason}"):
            BearerToken(value=None, path=str(path)).headers()
        with full(fifo), pytest.raises(RetryableError, match=f"{path}' cannot be read: {reason}"):
            token_file.read(str(path))
    assert len(os.listdir("/proc/self/fd")) == before


@contextmanager
def full(fifo: Path) -> Iterator[None]:
    """The FIFO with more in it than is ever read of a token."""
    fd = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 4 * token_file.MOST_BYTES)
        os.write(fd, b"x" * 2 * token_file.MOST_BYTES)
        yield
    finally:
        os.close(fd)


def test_a_secret_swapped_by_symlink_as_kubernetes_does_is_noticed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(name)
    data = tmp_path / "..data"
    data.symlink_to("one")
    token = BearerToken(value=None, path=str(data / "token"))
    assert token.headers() == {"Authorization": "Bearer one"}
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").rename(data)
    assert token.headers() == {"Authorization": "Bearer two"}


def test_neither_repr_nor_hidden_text_shows_it() -> None:
    token = BearerToken(value="s3cret", path=None)
    token.headers()
    assert "s3cret" not in repr(token)
    assert token.hide("you sent s3cret, s3cret!") == "you sent <token>, <token>!"


def test_a_token_that_was_replaced_is_hidden_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "token"
    token = BearerToken(value=None, path=str(file))
    for content in ("first", "second", "second"):
        file.write_text(content)
        token.refused()
        token.headers()
    assert token.hide("first, then second") == "<token>, then <token>"
