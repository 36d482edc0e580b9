"""Parsing what the kernel says of processes, hostile names and arguments included."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import procfs as module
from collectors.procfs import (
    ARGS_LIMIT,
    PF_EXITING,
    PF_FORKNOEXEC,
    Procfs,
    parse_credentials,
    parse_stat,
    split_args,
    text,
)
from sensor.model.errors import AccessDenied, ProcessGone

FIELDS = (
    b"S 7 70 71 34817 -1 4194368 0 0 0 0 1 2 3 4 20 0 1 0 123456 0 0 18446744073709551615 11 12 13 0 0 0 0 0 0 0 0 0 17"
    b" 1 0 0 0 0 0 14 15 16 17 18 19 20 256"
)


def stat_line(comm: bytes) -> bytes:
    return b"42 (" + comm + b") " + FIELDS + b"\n"


@given(st.binary(max_size=15).filter(lambda comm: b"\0" not in comm))
def test_a_name_cannot_shift_the_fields(comm: bytes) -> None:
    stat = parse_stat(stat_line(comm))
    assert (stat.pid, stat.ppid, stat.state, stat.start_ticks, stat.exit_code) == (42, 7, "S", 123456, 256)
    assert stat.comm == text(comm)


@pytest.mark.parametrize("comm", [b"a) R 1 1", b"x\ny", b") S 1 1 (", b"\xff\xfe", b""])
def test_names_that_look_like_fields(comm: bytes) -> None:
    assert parse_stat(stat_line(comm)).ppid == 7


def test_image_flags_and_terminal_come_from_their_fields() -> None:
    stat = parse_stat(stat_line(b"sh"))
    assert stat.image == (11, 13, 17)
    assert stat.image_is_known
    assert stat.tty_nr == 34817
    assert not stat.has_executed  # 4194368 has PF_FORKNOEXEC
    assert not stat.is_thread


IMAGES = {"running": (11, 13, 17), "new memory": (0, 0, 0), "not final yet": (0, 13, 17), "may not be seen": (1, 0, 0)}


@pytest.mark.parametrize(
    ("state", "flags", "image", "runs_its_own"),
    [
        ("S", PF_FORKNOEXEC, "running", False),  # its parent's
        ("S", 0, "running", True),
        ("S", 0, "may not be seen", True),
        ("R", 0, "new memory", False),
        ("R", 0, "not final yet", False),
        ("R", PF_EXITING, "new memory", True),  # it had one
        ("Z", 0, "new memory", True),
    ],
)
def test_a_program_has_begun_once_the_kernel_says_where_its_code_is(
    state: str, flags: int, image: str, runs_its_own: bool
) -> None:
    stat = parse_stat(stat_line(b"sh"))._replace(state=state, flags=flags, image=IMAGES[image])
    assert stat.runs_its_own is runs_its_own


def test_what_is_copied_from_memory_is_read_until_a_read_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    procfs, whole = Procfs(str(tmp_path)), b"x" * (2 * module.CHUNK) + b"end"
    (tmp_path / "environ").write_bytes(whole)
    reads: list[int] = []
    read = os.read
    monkeypatch.setattr(os, "read", lambda fd, size: reads.append(size) or read(fd, size))

    assert procfs.memory("environ", 1 << 20) == whole
    assert len(reads) == 3, "the third was short, and nothing comes after it"
    assert procfs.memory("environ", module.CHUNK + 5) == whole[: module.CHUNK + 5]


@given(st.binary(max_size=300))
def test_a_torn_stat_is_a_vanished_process(raw: bytes) -> None:
    with pytest.raises(ProcessGone):
        parse_stat(raw)


@given(st.lists(st.binary(max_size=50).map(lambda b: b.replace(b"\0", b"")), min_size=1, max_size=20))
def test_arguments_survive_whatever_bytes_they_have(args: list[bytes]) -> None:
    found, cut = split_args(b"\0".join(args) + b"\0")
    assert found == tuple(text(arg) for arg in args)
    assert not cut
    "".join(found).encode()  # valid Unicode: raises if a surrogate got through


def test_long_arguments_are_cut_and_say_so() -> None:
    found, cut = split_args(b"sh\0" + b"x" * (128 * 1024) + b"\0")
    assert cut
    assert sum(map(len, found)) < ARGS_LIMIT


def test_no_arguments_yet_and_one_empty_argument_differ() -> None:
    assert split_args(b"") == ((), False)
    assert split_args(b"\0") == (("",), False)


def test_a_name_line_cannot_forge_the_ids() -> None:
    raw = b"Name:\tx\\nUid:\t0\nUmask:\t0022\nState:\tS\nUid:\t1000\t1001\t1002\t1003\nGid:\t5\t6\t7\t8\nGroups:\t\n"
    assert parse_credentials(raw) == (1001, 6)


def test_errors_are_translated_once(tmp_path: os.PathLike[str]) -> None:
    procfs = Procfs(str(tmp_path))
    with pytest.raises(ProcessGone, match="12/stat"):
        procfs.read("12/stat")
    with pytest.raises(ProcessGone):
        procfs.link("12/exe")


def test_reading_stops_at_the_limit(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "big")
    with open(path, "wb") as big:
        big.write(b"x" * 300_000)
    assert len(Procfs(str(tmp_path)).read("big", 200_000)) == 200_000
    assert len(Procfs(str(tmp_path)).read("big")) == 300_000


def test_other_errors_keep_their_number(tmp_path: os.PathLike[str]) -> None:
    os.mkdir(os.path.join(tmp_path, "12"))
    with pytest.raises(IsADirectoryError):
        Procfs(str(tmp_path)).read("12")


def test_denied_names_the_file(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(AccessDenied, match="7/environ"):
        Procfs(str(tmp_path)).read("7/environ")


def test_of_a_process_with_many_descriptors_the_first_are_looked_at(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptors = os.path.join(tmp_path, "7", "fd")
    os.makedirs(descriptors)
    for number in range(30):
        os.symlink(f"socket:[{number}]", os.path.join(descriptors, str(number)))
    procfs, read = Procfs(str(tmp_path)), list[str]()
    monkeypatch.setattr(module, "MOST_DESCRIPTORS", 10)
    monkeypatch.setattr(procfs, "link", lambda name: read.append(name) or b"/dev/null")
    assert len(list(procfs.descriptors(7))) == len(read) == 10
    assert len(procfs.descriptor_numbers(7, 20)) == 20
    assert sorted(procfs.descriptor_numbers(7)) == list(range(30))
    with pytest.raises(ProcessGone, match="8/fd"):
        procfs.descriptor_numbers(8)
