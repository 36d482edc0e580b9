"""Which files have change times that tell of every change, once they are written back."""

import errno
import os

import pytest

from collectors import change_times


def test_files_in_memory_have_none() -> None:
    memory = os.memfd_create("x")
    assert not change_times.are_kept(memory)
    os.close(memory)
    assert not change_times.are_kept(-1)


def test_files_elsewhere_have_them_by_a_handle_too() -> None:
    handle = os.open("/", os.O_PATH)
    assert change_times.are_kept(handle)
    os.close(handle)


@pytest.mark.parametrize(("number", "settled"), [(errno.EINVAL, True), (errno.EIO, False), (errno.ENOSPC, False)])
def test_what_is_never_written_is_settled_and_what_could_not_be_is_not(
    monkeypatch: pytest.MonkeyPatch, number: int, settled: bool
) -> None:
    def fails(fd: int) -> None:
        raise OSError(number, "x")

    monkeypatch.setattr(os, "fdatasync", fails)
    assert change_times.settle(3) is settled
