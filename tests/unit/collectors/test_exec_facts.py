"""What is looked at of a program's file while a tracer reads what its process runs."""

import ctypes
import os
import struct
from pathlib import Path

import pytest

from collectors.procfs import Procfs
from collectors.tracer import exec_facts, ptrace, wire
from collectors.tracer.exec_facts import ExecReader
from collectors.tracer.initial_stack import RANDOM_BYTES

PID = 42
STACK = 0x7FFC_0000_1230
_TABLE = struct.Struct("<9Q")
RANDOM_AT = STACK + _TABLE.size
STRINGS_AT = RANDOM_AT + RANDOM_BYTES


def test_the_version_of_the_file_is_read_without_a_stat_that_its_server_would_have_to_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, found, pid = ExecReader(Procfs()), os.stat("/proc/self/exe"), os.getpid()
    stat = os.stat

    def hangs(path: bytes) -> os.stat_result:
        assert path == b"/proc/%d" % pid
        return stat(path)

    monkeypatch.setattr(os, "stat", hangs)
    told = reader.fields(pid, reader.look(pid)).version
    monkeypatch.undo()
    assert told == version_of(found)


def version_of(found: os.stat_result) -> bytes:
    return wire.VERSION.pack(found.st_dev, found.st_ino, found.st_mode, found.st_ctime_ns, found.st_size)


class Stopped:
    """A process in a /proc of its own, with the stack of a new program in its memory."""

    def __init__(self, root: Path) -> None:
        self.root = root / str(PID)
        self.root.mkdir()
        for name in ("first", "second"):
            (root / name).write_text(name)
        for name in ("cmdline", "environ"):
            (self.root / name).write_bytes(b"true\0")
        (self.root / "stat").write_bytes(b"42 (true) t" + 49 * b" 1")
        self.runs("first")

    def runs(self, name: str, random: bytes = 16 * b"r") -> None:
        """It has executed this."""
        (self.root / "exe").unlink(missing_ok=True)
        (self.root / "exe").symlink_to(self.root.parent / name)
        table = _TABLE.pack(1, STRINGS_AT, 0, 0, 25, RANDOM_AT, 31, STRINGS_AT + 5, 0)
        self.memory = table + random + b"true\0/bin/true\0" + bytes(8)

    def read(self, _pid: int, here: int, _one: int, there: int, _two: int, _flags: int) -> int:
        """process_vm_readv(2)."""
        to, _ = struct.unpack("@PN", ctypes.string_at(here, 16))
        at, size = struct.unpack("@PN", ctypes.string_at(there, 16))
        found = self.memory[at - STACK : at - STACK + size]
        ctypes.memmove(to, found, len(found))
        return len(found)


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stopped:
    found = Stopped(tmp_path)
    monkeypatch.setattr(exec_facts, "_read", found.read)
    return found


@pytest.mark.parametrize("stack", [STACK, None])
@pytest.mark.parametrize(("runs", "random"), [("first", b"r"), ("second", b"s")])
def test_the_version_is_that_of_the_file_that_was_seen_or_none(
    stopped: Stopped, monkeypatch: pytest.MonkeyPatch, stack: int | None, runs: str, random: bytes
) -> None:
    monkeypatch.setattr(ptrace, "stack_pointer", lambda _pid: stack)
    reader, first = ExecReader(Procfs(str(stopped.root.parent))), version_of(os.stat(stopped.root / "exe"))
    seen = reader.look(PID)
    stopped.runs(runs, 16 * random)
    found = reader.fields(PID, seen)
    assert found.args == b"true\0"
    assert found.version == (first if runs == "first" or stack is None else wire.GONE)


def test_of_one_that_was_killed_there_is_no_version(stopped: Stopped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ptrace, "stack_pointer", lambda _pid: STACK)
    reader = ExecReader(Procfs(str(stopped.root.parent)))
    seen = reader.look(PID)
    stopped.memory = b""
    assert reader.fields(PID, seen).version == wire.GONE


def test_of_one_that_was_killed_while_it_stood_still_nothing_is_empty() -> None:
    """Its files in /proc are, and would say that it had no arguments and preloaded nothing."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    reader = ExecReader(Procfs())
    found = reader.fields(pid, reader.look(pid))
    os.waitpid(pid, 0)
    assert (found.args, found.environ, found.version) == (wire.GONE, wire.GONE, wire.GONE)


@pytest.mark.parametrize(
    ("args", "variables", "expected"),
    [
        (b"true\0", b"", b"="),  # it was given no environment
        (b"true\0", b"LD_AUDIT=/x\0PATH=/bin\0", b"=LD_AUDIT=/x"),
        (b"", b"LD_AUDIT=/x\0", b"=LD_AUDIT=/x"),  # it was killed in between
        (b"", b"", wire.GONE),
    ],
)
def test_of_a_stack_of_another_kind_the_environment_is_read_before_its_end_can_hide_it(
    stopped: Stopped, monkeypatch: pytest.MonkeyPatch, args: bytes, variables: bytes, expected: bytes | int
) -> None:
    monkeypatch.setattr(ptrace, "stack_pointer", lambda _pid: None)
    (stopped.root / "cmdline").write_bytes(args)
    (stopped.root / "environ").write_bytes(variables)
    reader = ExecReader(Procfs(str(stopped.root.parent)))
    found = reader.fields(PID, reader.look(PID))
    assert (found.args, found.environ) == (args or wire.GONE, expected)
