"""Paths inside a container, with a temporary directory as its root and the attacker's tricks in it."""

import errno
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors import rootfs, statx
from sensor.model.protocols import Status

pytestmark = pytest.mark.kernel


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A root with /etc/passwd, beside a secret that lies outside; fails the test if a descriptor is left open."""
    (tmp_path / "secret").write_text("the sensor's token")
    inside = tmp_path / "root"
    (inside / "etc").mkdir(parents=True)
    (inside / "etc/passwd").write_text("inside")
    before = set(os.listdir("/proc/self/fd"))
    yield inside
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def root_fd(root: Path) -> Iterator[int]:
    fd = os.open(root, os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def content(root_fd: int, path: bytes, **more: object) -> bytes:
    with rootfs.held(rootfs.open_file(root_fd, path, **more)) as fd:  # type: ignore[arg-type]  # passed through
        return os.read(fd, 100)


@pytest.mark.parametrize("path", [b"etc/passwd", b"/etc/passwd", b"/../../etc/passwd", b"/etc/../../etc/passwd"])
def test_paths_start_at_the_root_and_end_in_it(root_fd: int, path: bytes) -> None:
    assert content(root_fd, path) == b"inside"


def test_an_absolute_link_is_resolved_from_the_containers_root(root: Path, root_fd: int) -> None:
    (root / "absolute").symlink_to("/etc/passwd")
    assert content(root_fd, b"/absolute") == b"inside"


@pytest.mark.parametrize("target", ["{secret}", "../secret", "../../../../../../../../{secret}", "etc/../../secret"])
def test_no_link_leads_out(root: Path, root_fd: int, target: str) -> None:
    (root / "out").symlink_to(target.format(secret=root.parent / "secret"))
    with pytest.raises(FileNotFoundError):
        rootfs.open_file(root_fd, b"/out")


def test_magic_links_of_proc_are_refused() -> None:
    host = os.open("/", os.O_PATH | os.O_DIRECTORY)
    try:
        with pytest.raises(OSError) as caught:  # noqa: PT011  # the errno is checked below
            rootfs.open_file(host, b"/proc/self/exe", remote=())
        assert caught.value.errno == errno.ELOOP
        with pytest.raises(OSError):  # noqa: PT011  # a path through a magic link
            rootfs.open_file(host, b"/proc/self/root/etc/passwd", remote=())
    finally:
        os.close(host)


def test_a_link_that_is_swapped_all_the_time_never_shows_what_is_outside(root: Path, root_fd: int) -> None:
    (root / "etc/swapped").symlink_to("passwd")
    done = threading.Event()

    def swap() -> None:
        targets = ["passwd", f"{root.parent}/secret", "../../secret", "/etc/passwd"]
        while not done.is_set():
            for target in targets:
                (root / "etc/next").symlink_to(target)
                (root / "etc/next").rename(root / "etc/swapped")

    attacker = threading.Thread(target=swap)
    attacker.start()
    seen, tries, end = set(), 0, time.monotonic() + 20
    try:
        while tries < 3000 or (b"inside" not in seen and time.monotonic() < end):  # a busy machine lets one of us wait
            seen.add(_content_or_error(root_fd, b"/etc/swapped"))
            tries += 1
    finally:
        done.set()
        attacker.join()
    assert b"inside" in seen
    assert seen <= {b"inside", b"ENOENT"}


def _content_or_error(root_fd: int, path: bytes) -> bytes:
    try:
        return content(root_fd, path)
    except OSError as error:
        return errno.errorcode[error.errno or 0].encode()


def test_only_regular_files_are_opened_for_reading(root: Path, root_fd: int) -> None:
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
        for name in (b"fifo", b"socket", b"etc"):
            with pytest.raises(rootfs.Refused, match="no regular file"):
                rootfs.open_file(root_fd, name)


def test_devices_are_refused(root: Path, root_fd: int) -> None:
    host = os.open("/", os.O_PATH | os.O_DIRECTORY)
    with rootfs.held(host), pytest.raises(rootfs.Refused, match="crw"):
        rootfs.open_file(host, b"/dev/null", remote=())


def test_a_directory_must_be_one(root_fd: int) -> None:
    with pytest.raises(NotADirectoryError):
        rootfs.open_directory(root_fd, b"/etc/passwd")


def test_a_directory_is_listed_through_its_handle(root_fd: int) -> None:
    with (
        rootfs.held(rootfs.open_directory(root_fd, b"/etc")) as handle,
        rootfs.held(rootfs.reopen_directory(handle)) as fd,
    ):
        assert os.listdir(fd) == ["passwd"]


def test_links_are_not_followed_where_that_is_asked(root: Path, root_fd: int) -> None:
    (root / "link").symlink_to("etc")
    assert stat.S_ISLNK(rootfs.status(root_fd, b"/link").st_mode)
    with rootfs.held(rootfs.open_directory(root_fd, b"/link")) as followed:
        assert stat.S_ISDIR(os.fstat(followed).st_mode)
    with pytest.raises(NotADirectoryError):
        rootfs.open_directory(root_fd, b"/link", follow=False)
    with pytest.raises(rootfs.Refused, match="no regular file: l"):
        rootfs.open_file(root_fd, b"/link", follow=False)


@pytest.mark.parametrize("remote", [None, (), (b"/mnt/efs",)])
def test_the_birth_is_that_of_what_is_at_the_path(root: Path, root_fd: int, remote: tuple[bytes, ...] | None) -> None:
    (root / "file").touch()
    (root / "link").symlink_to("file")
    for name in (b"file", b"link"):
        with rootfs.held(rootfs.open_handle(root_fd, name)) as handle:
            expected = (os.fstat(handle).st_ino, statx.born_ns(handle))
        status, born_ns = rootfs.status_and_birth(root_fd, b"/" + name, remote=remote)
        assert (status.st_ino, born_ns) == expected


def test_where_the_kernel_tells_no_birth_the_status_is_there(root_fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOSYS, "no statx")

    monkeypatch.setattr(statx, "born_ns", refused)
    status, born_ns = rootfs.status_and_birth(root_fd, b"/")
    assert (status.st_ino, born_ns) == (os.fstat(root_fd).st_ino, None)


def test_names_may_be_any_bytes(root: Path, root_fd: int) -> None:
    name = b"a\nb)\xff\xfe"
    (root / os.fsdecode(name)).write_text("odd")
    assert content(root_fd, b"/" + name) == b"odd"


def test_a_nul_byte_does_not_cut_the_path(root_fd: int) -> None:
    with pytest.raises(OSError, match="NUL"):
        rootfs.open_file(root_fd, b"/etc/passwd\0/x")


def test_a_loop_of_links_ends(root: Path, root_fd: int) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(OSError) as caught:  # noqa: PT011  # the errno is checked below
        rootfs.open_file(root_fd, b"/a")
    assert caught.value.errno == errno.ELOOP


def test_without_knowing_the_mounts_nothing_beyond_the_roots_file_system_is_touched() -> None:
    with rootfs.held(os.open("/", os.O_PATH | os.O_DIRECTORY)) as host:
        with pytest.raises(OSError) as caught:  # noqa: PT011  # the errno is checked below
            rootfs.status(host, b"/proc/version")
        assert caught.value.errno == errno.EXDEV
        assert rootfs.status(host, b"/proc/version", remote=()).st_size == 0


def test_remote_mounts_are_named_before_they_are_touched() -> None:
    with rootfs.held(os.open("/", os.O_PATH | os.O_DIRECTORY)) as host:
        with pytest.raises(rootfs.Refused, match="on a remote"):
            rootfs.status(host, b"/proc/version", remote=(b"/proc",))
        with pytest.raises(rootfs.Refused, match="root is on a remote"):
            rootfs.status(host, b"/etc/passwd", remote=(b"/",))
        assert rootfs.status(host, b"/proc/version", remote=(b"/mnt/efs", b"/pro")).st_size == 0


def test_a_link_across_mounts_is_refused_where_there_are_remote_ones() -> None:
    with rootfs.held(os.open("/", os.O_PATH | os.O_DIRECTORY)) as host:
        with pytest.raises(rootfs.Refused, match="may lead to"):
            rootfs.status(host, b"/proc/self/status", remote=(b"/mnt/efs",))
        assert rootfs.status(host, b"/proc/self/status", remote=()).st_size == 0


def test_openat2_works_here() -> None:
    assert rootfs.capability().status is Status.OK
