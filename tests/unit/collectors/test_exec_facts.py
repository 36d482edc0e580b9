"""What is looked at of a file while a tracer reads what its process runs."""

import os

import pytest

from collectors.procfs import Procfs
from collectors.tracer import wire
from collectors.tracer.exec_facts import ExecReader, Seen


def test_the_version_of_the_file_is_read_without_a_stat_that_its_server_would_have_to_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, found = ExecReader(Procfs()), os.stat("/proc/self/exe")

    def hangs(path: object) -> None:
        raise AssertionError(f"stat of {path!r}")

    monkeypatch.setattr(os, "stat", hangs)
    seen = Seen(0, 0, (reader.stat(os.getpid()), b"python\0", b""), b"/bin/python", b"/", b"0 0")
    told = reader.fields(os.getpid(), seen).version
    monkeypatch.undo()
    assert isinstance(told, bytes)
    assert wire.VERSION.unpack(told) == (
        found.st_dev,
        found.st_ino,
        found.st_mode,
        found.st_ctime_ns,
        found.st_size,
    )
