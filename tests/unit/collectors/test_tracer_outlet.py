"""The tracer's pipe: never waited for, in order, and what has no room is counted."""

import os
from collections.abc import Iterator

import pytest

from collectors.tracer import wire
from collectors.tracer.outlet import Outlet

RECORD = wire.pack(wire.EXEC, 1, 2, b"x" * 3000)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def read(fd: int) -> bytes:
    os.set_blocking(fd, False)
    found = b""
    while True:
        try:
            found += os.read(fd, 1 << 20)
        except BlockingIOError:
            return found


def test_what_the_pipe_does_not_take_waits_in_order_and_the_rest_is_counted(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    outlet = Outlet(writing, backlog=100_000)
    sent = 0
    while not outlet.dropped:
        outlet.put(wire.pack(wire.EXEC, sent, 2, b"x" * 3000))
        sent += 1
    assert outlet.is_full
    raw = read(reading)
    while outlet.is_full:
        outlet.flush()
        raw += read(reading)
    records, rest = wire.records(raw)
    assert [record.pid for record in records] == list(range(sent - 1))
    assert (rest, outlet.dropped) == (b"", 1)


def test_after_room_was_made_records_go_on(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    outlet = Outlet(writing, backlog=10_000)
    while not outlet.dropped:
        outlet.put(RECORD)
    read(reading)
    outlet.flush()
    read(reading)
    outlet.put(wire.pack(wire.EXIT, 7, 2))
    assert wire.records(read(reading))[0][-1].pid == 7


def test_what_has_waited_once_leaves_as_much_room_as_there_was(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    outlet = Outlet(writing, backlog=10 * len(RECORD))
    taken: list[int] = []
    for _ in range(3):
        before, put = outlet.dropped, 0
        while outlet.dropped == before:
            outlet.put(RECORD)
            put += 1
        taken.append(put)
        while outlet.is_full:
            read(reading)
            outlet.flush()
        read(reading)
    assert taken == 3 * taken[:1]


def test_a_reader_that_has_gone_is_an_error(pipe: tuple[int, int]) -> None:
    reading, writing = os.pipe()
    outlet = Outlet(writing)
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        outlet.put(RECORD)
    os.close(writing)
