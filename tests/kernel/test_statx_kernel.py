"""statx against what the kernel tells elsewhere."""

import os
import subprocess
from pathlib import Path

import pytest

from collectors import statx
from collectors.statx import NS, born_ns, cached, place

pytestmark = pytest.mark.kernel
AT_STATX_DONT_SYNC = 0x4000


@pytest.fixture
def handle(tmp_path: Path) -> int:
    (tmp_path / "file").touch()
    return os.open(tmp_path / "file", os.O_PATH)


def test_the_place_is_the_one_that_descriptors_show(handle: int) -> None:
    found = place(handle)
    lines = Path(f"/proc/self/fdinfo/{handle}").read_text().splitlines()
    assert f"mnt_id:\t{found.mount_id}" in lines
    assert found.device == os.fstat(handle).st_dev
    os.close(handle)


def test_the_birth_is_the_one_that_stat_shows(handle: int, tmp_path: Path) -> None:
    shown = subprocess.run(["stat", "-c", "%W", tmp_path / "file"], capture_output=True, text=True, check=True).stdout
    born = born_ns(handle)
    assert (born or 0) // NS == int(shown.strip().replace("-", "0"))
    os.close(handle)


def test_a_file_of_a_file_system_without_births_has_none() -> None:
    handle = os.open("/proc/self/stat", os.O_PATH)
    assert born_ns(handle) is None
    os.close(handle)


def test_the_version_is_what_stat_says_of_what_a_link_leads_to_and_no_server_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"six\n\n\n")
    (tmp_path / "link").symlink_to("file")
    asked: list[int] = []
    kernel = statx._libc.statx

    class Asked:
        def statx(self, fd: int, path: bytes, flags: int, fields: int, buffer: object) -> int:
            asked.append(flags)
            return int(kernel(fd, path, flags, fields, buffer))

    monkeypatch.setattr(statx, "_libc", Asked())
    for path in (tmp_path / "link", Path("/proc/self/exe"), Path("/dev/null")):
        found = path.stat()
        told = statx.version(os.fsencode(path))
        assert told == (found.st_dev, found.st_ino, found.st_mode, found.st_ctime_ns, found.st_size)
    assert [flags & AT_STATX_DONT_SYNC for flags in asked] == [AT_STATX_DONT_SYNC] * 3
    with pytest.raises(FileNotFoundError):
        statx.version(b"/proc/0/exe")


def test_what_a_descriptor_stands_for_is_the_file_that_stat_shows(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    with (tmp_path / "file").open() as file:
        status = os.fstat(file.fileno())
        found = cached(f"/proc/self/fd/{file.fileno()}")
    assert found == (status.st_dev, status.st_ino, status.st_size)
    with pytest.raises(FileNotFoundError):
        cached("/proc/self/fd/9999")


def test_a_closed_descriptor_is_an_error(handle: int) -> None:
    os.close(handle)
    with pytest.raises(OSError, match="Bad file descriptor"):
        place(handle)
