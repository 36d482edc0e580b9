"""Processes in directories whose paths the kernel shows to nobody (PATH_MAX), and with descriptors of them."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cursor_scene import made, process_of, watching
from running import until

from collectors.open_files import openings
from collectors.procfs import TOO_LONG, Procfs
from collectors.tracer import exec_facts, wire
from sensor.model.counters import Counters
from sensor.model.events import Missing

pytestmark = pytest.mark.kernel
NAME, LEVELS = "d" * 250, 18
SLEEP = os.path.realpath(shutil.which("sleep") or "/bin/sleep")
PROGRAM = Path(SLEEP).read_bytes()


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[int]:
    """A descriptor of a directory of 4,500 bytes."""
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(LEVELS):
        os.mkdir(NAME, dir_fd=fd)
        below = os.open(NAME, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    yield fd
    os.close(fd)
    shutil.rmtree(tmp_path / NAME)


Starts = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def starts(deep: int) -> Iterator[Starts]:
    """Starts a program there."""
    started = list[subprocess.Popen[bytes]]()

    def start(*args: str, passing: int = 2) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(args, preexec_fn=lambda: os.fchdir(deep), pass_fds=(deep, passing)))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.wait()


async def test_a_program_there_is_told_with_all_but_its_directory(starts: Starts) -> None:
    async with watching() as watched:
        starts("sleep", "30.25")
        (event,) = await until(lambda: watched.execs("sleep", "30.25"), "the exec")
    process = process_of(event)
    assert (process.exe, process.cwd) == (SLEEP, None)
    assert Missing("process.cwd", "too long") in event.evidence.missing
    assert watched.counters.losses["proc_unreadable"] == 0


async def test_a_program_that_lies_there_is_told_without_its_path(starts: Starts, deep: int) -> None:
    copy = os.open("sleep", os.O_WRONLY | os.O_CREAT, 0o755, dir_fd=deep)
    os.write(copy, PROGRAM)
    os.close(copy)
    async with watching() as watched:
        starts("./sleep", "30.25")
        (event,) = await until(lambda: watched.execs("./sleep", "30.25"), "the exec")
    assert (process_of(event).exe, process_of(event).comm) == (None, "sleep")
    assert {Missing("process.exe", "too long"), Missing("process.cwd", "too long")} <= {*event.evidence.missing}


def test_who_holds_such_a_directory_hides_no_socket_and_no_file(starts: Starts, deep: int) -> None:
    """Of anybody: who looks through all processes comes by it."""
    task = made(Counters())[0]
    with socket.socket() as sock:
        child = starts("sleep", "30.25", passing=sock.fileno())
        inode = os.fstat(sock.fileno()).st_ino
    assert task.track(child.pid) is not None
    assert task.owner_of(inode) == child.pid
    there = os.fstat(deep)
    assert child.pid in task.holders_of(there.st_dev, there.st_ino).pids
    assert [found.number for found in openings(Procfs(), child.pid, there.st_dev, there.st_ino)] == [deep]
    task.close()


def test_a_tracer_says_so_too(starts: Starts) -> None:
    child = starts("sleep", "30.25")
    assert Procfs().link(f"{child.pid}/cwd") == TOO_LONG
    assert exec_facts._link(f"/proc/{child.pid}/cwd".encode()) == wire.TOO_LONG
