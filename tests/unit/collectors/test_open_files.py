"""The descriptors of a file, over a /proc that the test writes."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors import socket_links
from collectors.open_files import openings, parse_fdinfo
from collectors.procfs import Procfs
from collectors.socket_links import holds
from collectors.statx import Cached
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.protocols import OpenFile


def make(root: Path, targets: dict[int, Path], io: str | None = "rchar: 1\nwchar: 17\n") -> Procfs:
    """Process 7 with descriptors at position 5, opened for appending."""
    for name in ("fd", "fdinfo"):
        (root / "7" / name).mkdir(parents=True)
    for number, target in targets.items():
        (root / f"7/fd/{number}").symlink_to(target)
        (root / f"7/fdinfo/{number}").write_text("pos:\t5\nflags:\t0102001\nmnt_id:\t24\nino:\t9\n")
    if io is not None:
        (root / "7/io").write_text(io)
    return Procfs(str(root))


@pytest.mark.parametrize(("io", "written"), [("rchar: 1\nwchar: 17\n", 17), (None, -1), ("", -1), ("wchar: x", -1)])
def test_each_descriptor_of_the_file_with_how_far_it_is(tmp_path: Path, io: str | None, written: int) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    file.write_text("hello")
    other.touch()
    procfs = make(tmp_path / "proc", {3: file, 4: other, 5: file, 6: Path("pipe:[7]"), 8: tmp_path / "gone"}, io)
    status = file.stat()
    flags = os.O_WRONLY | os.O_APPEND | 0o100000
    assert openings(procfs, 7, status.st_dev, status.st_ino) == [
        OpenFile(number, flags, 5, 5, written) for number in (3, 5)
    ]


def test_a_file_that_it_does_not_hold(tmp_path: Path) -> None:
    assert openings(make(tmp_path, {}), 7, 1, 2) == []


def test_a_process_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ProcessGone):
        openings(Procfs(str(tmp_path)), 7, 1, 2)


def test_one_that_has_become_unreadable_is_said_and_a_file_that_fails_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    procfs = make(tmp_path / "proc", {3: tmp_path / "file"})
    status = (tmp_path / "file").stat()
    for ask in (openings, holds):
        monkeypatch.setattr(socket_links, "cached", failing(errno.ENOTCONN))
        assert not ask(procfs, 7, status.st_dev, status.st_ino)
        monkeypatch.setattr(socket_links, "cached", failing(errno.EACCES))
        with pytest.raises(AccessDenied):
            ask(procfs, 7, status.st_dev, status.st_ino)


def failing(number: int) -> Callable[[str], Cached]:
    def fails(_link: str) -> Cached:
        raise OSError(number, os.strerror(number))

    return fails


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_fdinfo_is_read_or_refused(raw: bytes) -> None:
    try:
        flags, position = parse_fdinfo(raw)
    except ProcessGone:
        return
    assert isinstance(flags, int)
    assert isinstance(position, int)
