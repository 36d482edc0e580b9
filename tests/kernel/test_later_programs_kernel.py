"""The later programs of a process, which it runs without a fork, on the real /proc with children of this test."""

import asyncio
import functools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
import pytest_asyncio
from cursor_scene import ROUND_S, Watched, process_of, watching
from running import until

from collectors.procfs import Procfs
from sensor.model.kinds import Kind
from sensor.model.protocols import Status

pytestmark = pytest.mark.kernel


@pytest_asyncio.fixture
async def watched() -> AsyncIterator[Watched]:
    async with watching() as found:
        yield found


async def test_each_program_of_a_chain_is_told(watched: Watched) -> None:
    script = "sleep 0.06; exec env X=1 sh -c 'sleep 0.06; exec sleep 0.077'"
    with subprocess.Popen(["sh", "-c", script]) as child:
        await until(lambda: watched.execs("sleep", "0.077"), "the last of the chain")
    chain = [process_of(e) for e in watched.emitted.of(Kind.PROCESS_EXEC) if process_of(e).pid == child.pid]
    names = [p.args[0] if p.args else None for p in chain]
    assert [name for name in names if name != "env"] == ["sh", "sh", "sleep"]  # which may be too short to be seen
    assert len({p.entity for p in chain}) == 1


async def test_an_exec_without_a_fork_long_after_the_start_is_found(watched: Watched) -> None:
    with subprocess.Popen(["sh", "-c", "sleep 0.6; exec sleep 90.125"]) as child:
        (event,) = await until(lambda: watched.execs("sleep", "90.125"), "the later exec", ROUND_S)
        child.kill()
    assert process_of(event).pid == child.pid


READS_AND_RUNS = """
import os, sys
for number in sys.stdin:
    os.execvp("sleep", ["sleep", number.strip()])
"""


FORKS_A_WORKER = "import os, time; os.fork(); time.sleep(60)"


@pytest.mark.parametrize("beside", [None, FORKS_A_WORKER])
async def test_a_short_program_that_a_settled_process_goes_on_to_run_is_told_by_the_open_of_its_file(
    watched: Watched, beside: str | None
) -> None:
    """It is over long before the slow round comes to it. A worker that was forked a moment ago and runs no program does
    not hide it. What others start on this machine in the same moment may, now and then."""
    await until(lambda: watched.cursor.status().status is Status.OK, "hints of all containers")
    told = 0
    with running_beside(beside):
        for number in range(5):
            command = [sys.executable, "-c", READS_AND_RUNS, f"{number}"]
            with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
                assert child.stdin is not None
                (event,) = await until(functools.partial(watched.execs, *command), "the program")
                await until(watched.is_at_rest, "all to have settled")
                child.stdin.write(f"0.05{number}625\n".encode())
                child.stdin.close()
                await until(functools.partial(watched.has_ended, event), "its end")
            later = watched.execs("sleep", f"0.05{number}625")
            told += [process_of(one).entity for one in later] == [process_of(event).entity]
    assert told >= 4


@contextmanager
def running_beside(script: str | None) -> Iterator[None]:
    """A Python, and what it forks, if there is to be one."""
    if script is None:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", script], process_group=0) as child:
        try:
            yield
        finally:
            os.killpg(child.pid, signal.SIGKILL)


LEADERLESS = """
import ctypes, os, socket, sys, threading, time
def goes_on():
    made = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    sys.stdin.readline()
    os.execvp("sleep", ["sleep", "90.625"])
threading.Thread(target=goes_on).start()
ctypes.CDLL(None).syscall(60 if os.uname().machine == "x86_64" else 93, 0)
"""


async def test_a_program_whose_main_thread_has_exited_is_whole_and_its_next_one_is_told(watched: Watched) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    with server, subprocess.Popen([sys.executable, "-c", LEADERLESS, f"{port}"], stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        client, (_, peer) = await asyncio.to_thread(server.accept)
        await until(lambda: Procfs().stat(child.pid).survivor, "the exit of its main thread")
        inode = next(
            int(row[9]) for row in _tcp() if row[1].endswith(f":{peer:04X}") and row[2].endswith(f":{port:04X}")
        )
        assert await until(lambda: watched.task.owner_of(inode), "its socket's owner") == child.pid
        child.stdin.write(b"\n")
        child.stdin.flush()
        (event,) = await until(lambda: watched.execs("sleep", "90.625"), "its next program", ROUND_S)
        child.kill()
        client.close()
    told = [e for e in watched.emitted.of(Kind.PROCESS_EXEC) if process_of(e).pid == child.pid]
    assert [process_of(e).args for e in told] == [(sys.executable, "-c", LEADERLESS, f"{port}"), process_of(event).args]
    assert not {m.field for e in told for m in e.evidence.missing} - {"process.sha256"}  # which may take a moment


def _tcp() -> list[list[str]]:
    with open("/proc/net/tcp", encoding="ascii") as table:
        return [line.split() for line in table][1:]
