"""One thread hashes files one after another, stops when told, and hangs nobody but itself."""

import asyncio
import errno
import hashlib
import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import until

from collectors.hash_worker import CHANGED, DEADLINE_S, SLICE, TOO_SLOW, Hashed, HashWorker

CONTENT = os.urandom(SLICE) * 2 + b"the rest"


@pytest.fixture
def worker() -> Iterator[HashWorker]:
    made = HashWorker()
    yield made
    made.close()


def put(
    worker: HashWorker,
    path: Path,
    told: list[Hashed],
    size: int | None = None,
    ctime: int | None = None,
    *,
    settle: bool = False,
) -> None:
    found = path.stat()
    size = found.st_size if size is None else size
    ctime = found.st_ctime_ns if ctime is None else ctime
    worker.put(os.open(path, os.O_RDONLY), size, ctime, told.append, settle=settle)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "hashes"]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_files_are_hashed_in_their_order(worker: HashWorker, file: Path, tmp_path: Path) -> None:
    empty, told, before = tmp_path / "empty", list[Hashed](), descriptors()
    empty.touch()
    for path in (file, empty, file):
        put(worker, path, told)
    await until(lambda: len(told) == 3, "three hashes")
    whole, nothing = hashlib.sha256(CONTENT).hexdigest(), hashlib.sha256().hexdigest()
    assert told == [Hashed(whole), Hashed(nothing), Hashed(whole)]
    assert descriptors() == before


async def test_there_is_no_thread_before_the_first_file_and_none_after_close(file: Path) -> None:
    worker, told = HashWorker(), list[Hashed]()
    assert not threads()
    put(worker, file, told)
    put(worker, file, told)
    assert len(threads()) == 1
    await until(lambda: len(told) == 2, "the hashes")
    worker.close()
    assert not threads()


@pytest.mark.parametrize(
    ("size", "ctime"), [(len(CONTENT) - 1, None), (2 * SLICE, None), (len(CONTENT) + 1, None), (None, 1)]
)
async def test_a_file_that_changed_has_no_hash(
    worker: HashWorker, file: Path, size: int | None, ctime: int | None
) -> None:
    told: list[Hashed] = []
    put(worker, file, told, size, ctime)
    await until(lambda: told, "an answer")
    assert told == [Hashed(why=CHANGED)]


def endless(worker: HashWorker, size: int, told: list[Hashed]) -> None:
    worker.put(os.open("/dev/zero", os.O_RDONLY), size, 0, told.append)


async def test_a_file_that_grows_as_it_is_read_is_left_where_it_has_its_size() -> None:
    worker, told = HashWorker(monotonic=lambda: 0.0), list[Hashed]()
    endless(worker, 2 * SLICE, told)
    await until(lambda: told, "an answer")
    worker.close()
    assert told == [Hashed(why=CHANGED)]


async def test_close_stops_in_the_middle_of_a_file_and_an_interpreter_waits_for_no_hash() -> None:
    worker = HashWorker(monotonic=lambda: 0.0)
    endless(worker, 1 << 62, [])
    (thread,) = threads()
    assert thread.daemon
    worker.close()
    await asyncio.to_thread(thread.join, 20)
    assert not thread.is_alive()


async def test_a_slow_file_is_given_up(file: Path) -> None:
    times = itertools.count(step=DEADLINE_S)
    worker, told = HashWorker(monotonic=lambda: float(next(times))), list[Hashed]()
    put(worker, file, told)
    await until(lambda: told, "an answer")
    worker.close()
    assert told == [Hashed(why=TOO_SLOW)]


async def test_what_cannot_be_read_says_why_and_the_next_file_is_hashed(
    worker: HashWorker, file: Path, tmp_path: Path
) -> None:
    told: list[Hashed] = []
    put(worker, tmp_path, told)
    put(worker, file, told)
    await until(lambda: len(told) == 2, "two answers")
    assert told == [Hashed(why="Is a directory"), Hashed(hashlib.sha256(CONTENT).hexdigest())]


async def test_close_waits_for_no_read_that_hangs_and_nobody_is_called_after_it(file: Path) -> None:
    worker, told, before = HashWorker(), list[Hashed](), descriptors()
    hanging, writer = os.pipe()
    worker.put(hanging, 1, 0, told.append)
    put(worker, file, told)
    (thread,) = threads()
    worker.close()
    assert thread.is_alive()
    os.close(writer)  # the read ends
    await asyncio.to_thread(thread.join, 20)
    assert not thread.is_alive()
    await asyncio.sleep(0)
    assert told == []
    assert descriptors() == before


async def test_without_a_thread_the_file_is_closed_and_the_error_says_so(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    before = descriptors()
    with pytest.raises(OSError, match="can't start new thread"):
        put(HashWorker(), file, [])
    assert descriptors() == before


async def test_only_what_was_settled_before_it_was_read_is_called_so(
    worker: HashWorker, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Hashed] = []
    put(worker, file, told, settle=True)
    put(worker, file, told)
    await until(lambda: len(told) == 2, "two hashes")
    assert [hashed.settled for hashed in told] == [True, False]

    def fails(fd: int) -> None:
        raise OSError(errno.EIO, "a broken disk")

    monkeypatch.setattr(os, "fdatasync", fails)
    put(worker, file, told, settle=True)
    await until(lambda: len(told) == 3, "a hash")
    assert told[2] == told[1]
