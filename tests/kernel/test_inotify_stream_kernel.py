"""One inotify instance against the kernel: what is watched, what comes, and that nothing is left behind."""

import errno
import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors import inotify_stream
from collectors.inotify_stream import CREATE, DELETE, IGNORED, MODIFY, OPEN, READ_BYTES, InotifyStream, Notice

pytestmark = pytest.mark.kernel


@pytest.fixture
def stream() -> Iterator[InotifyStream]:
    made = InotifyStream()
    yield made
    made.close()


def watched(stream: InotifyStream, place: Path, mask: int, **options: bool) -> int:
    fd = os.open(place, os.O_PATH | os.O_CLOEXEC)
    try:
        return stream.add(fd, mask, **options)
    finally:
        os.close(fd)


def test_what_happens_in_a_directory_comes_in_order_and_once(stream: InotifyStream, tmp_path: Path) -> None:
    wd = watched(stream, tmp_path, CREATE | DELETE)
    assert stream.read() == []

    (tmp_path / "a").touch()
    (tmp_path / "a").unlink()

    assert select.select([stream], [], [], 0)[0] == [stream]
    assert stream.read() == [Notice(wd, CREATE, 0, b"a"), Notice(wd, DELETE, 0, b"a")]
    assert stream.read() == []


def test_a_second_watch_of_a_place_adds_to_the_first(stream: InotifyStream, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    wd = watched(stream, tmp_path, MODIFY)
    assert watched(stream, tmp_path, DELETE) == wd

    (tmp_path / "a").write_text("y")
    (tmp_path / "a").unlink()

    masks = {notice.mask for notice in stream.read()}
    assert masks == {MODIFY, DELETE}


def test_a_file_that_was_deleted_and_is_still_open_says_no_more(stream: InotifyStream, tmp_path: Path) -> None:
    with (tmp_path / "a").open("w") as held:
        watched(stream, tmp_path, MODIFY)
        (tmp_path / "a").unlink()
        held.write("x")

    assert stream.read() == []


def test_only_a_directory_is_watched_where_one_is_expected(stream: InotifyStream, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("x")
    with pytest.raises(NotADirectoryError) as told:
        watched(stream, file, OPEN)
    assert told.value.errno == errno.ENOTDIR
    assert told.value.strerror == os.strerror(errno.ENOTDIR)

    wd = watched(stream, file, OPEN, is_directory=False)
    file.read_bytes()
    assert stream.read() == [Notice(wd, OPEN, 0, b"")]


def test_what_is_removed_says_so_and_no_more_and_may_be_removed_again(stream: InotifyStream, tmp_path: Path) -> None:
    wd = watched(stream, tmp_path, CREATE)
    for _ in range(2):
        stream.remove(wd)
    (tmp_path / "a").touch()

    assert stream.read() == [Notice(wd, IGNORED, 0, b"")]


def test_a_discard_empties_the_queue_and_says_whether_it_was(stream: InotifyStream, tmp_path: Path) -> None:
    watched(stream, tmp_path, CREATE)
    assert stream.discard() is False
    (tmp_path / "a").touch()

    assert stream.discard() is True
    assert stream.read() == []


def test_a_read_takes_what_has_room_and_leaves_the_rest(stream: InotifyStream, tmp_path: Path) -> None:
    watched(stream, tmp_path, CREATE)
    size = 16 + 256  # of a notice whose name is as long as one can be
    names = [f"{number:0255d}" for number in range(READ_BYTES // size + 10)]
    for name in names:
        (tmp_path / name).touch()

    first, second = stream.read(), stream.read()
    assert len(first) == READ_BYTES // size
    assert [notice.name.decode() for notice in first + second] == names


def test_whoever_fills_the_queue_for_ever_does_not_hold_a_discard(
    stream: InotifyStream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inotify_stream, "DISCARD_BYTES", 32)  # room for one notice
    watched(stream, tmp_path, CREATE)
    for number in range(inotify_stream.DISCARDS + 1):
        (tmp_path / str(number)).touch()

    assert stream.discard() is True
    assert [notice.name for notice in stream.read()] == [b"%d" % inotify_stream.DISCARDS]


def test_a_closed_stream_holds_no_descriptor_and_may_be_closed_again(tmp_path: Path) -> None:
    stream = InotifyStream()
    fd = stream.fileno()
    assert os.readlink(f"/proc/self/fd/{fd}") == "anon_inode:inotify"
    assert not os.get_inheritable(fd)

    for _ in range(2):
        stream.close()

    assert stream.fileno() == -1
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        watched(stream, tmp_path, CREATE)
