"""Which interfaces are followed one by one, and when all are followed as one."""

import errno
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from collectors.interfaces import EVERY, MOST, Interfaces


@pytest.fixture
def followed() -> Iterator[Interfaces]:
    with closing(Interfaces()) as made:
        yield made


@pytest.mark.parametrize(("count", "numbers"), [(0, {EVERY}), (MOST, set(range(1, MOST + 1))), (MOST + 1, {EVERY})])
def test_so_many_that_they_cost_too_much_are_followed_as_one(
    followed: Interfaces, monkeypatch: pytest.MonkeyPatch, count: int, numbers: set[int]
) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(number, f"v{number}") for number in range(1, count + 1)])
    assert followed.fileno() is not None
    assert followed.numbers() == numbers


def test_where_nobody_may_ask_for_the_interfaces_all_are_followed_as_one(
    followed: Interfaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> list[tuple[int, str]]:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(socket, "if_nameindex", refused)
    assert followed.numbers() == {EVERY}


def test_where_the_kernel_tells_no_changes_all_are_followed_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused(socket.socket):
        def bind(self, _address: object) -> None:
            raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", Refused)
    with closing(Interfaces()) as alone:
        assert (alone.fileno(), alone.numbers()) == (None, {EVERY})
        alone.take_notices()


def test_notices_that_found_no_room_say_no_more_than_the_others(
    followed: Interfaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Overflowed:
        answers = [OSError(errno.ENOBUFS, "No buffer space available"), b"a notice", BlockingIOError()]

        def recv(self, _size: int) -> bytes:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        def close(self) -> None: ...

    with monkeypatch.context() as reading:
        reading.setattr(followed, "_notices", Overflowed())
        followed.take_notices()
    assert Overflowed.answers == []
