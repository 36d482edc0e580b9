"""The PID cursor on the real /proc, with children of this test."""

import asyncio
import errno
import functools
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from cursor_scene import ROUND_S, Watched, made, process_of, watching
from fakes import Emitted
from needs import Need
from running import collecting, until

from collectors import process_arrivals, process_cursor
from collectors.exec_hints import Opened
from collectors.process_cursor import ProcessCursor
from collectors.procfs import Procfs, Stat
from collectors.task_view import Task
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.errors import ProcessGone
from sensor.model.events import Event
from sensor.model.kinds import Kind
from sensor.model.resolution import MOST

pytestmark = pytest.mark.kernel


@pytest_asyncio.fixture
async def watched() -> AsyncIterator[Watched]:
    async with watching() as found:
        yield found


async def test_a_number_that_may_still_be_on_its_way_when_the_cursor_ends_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process_arrivals, "UNBORN_S", (60.0, 60.0))
    counters = Counters()
    task, cursor = made(counters)
    task.start()
    async with collecting(cursor, task) as emitted:
        await until(lambda: emitted.events, "the tree at the start")
        looked_at = counters.seen["cursor.numbers"]
        subprocess.run(["/bin/true"], check=True)  # gone before the cursor, whose loop stands still, can look
        await until(lambda: counters.seen["cursor.numbers"] > looked_at, "a look at its number")
        before = counters.unexplained
    task.close()
    assert counters.unexplained > before


async def test_what_ran_before_is_told_with_its_parents(watched: Watched) -> None:
    def told() -> list[Event]:
        return [e for e in watched.emitted.of(Kind.PROCESS_EXEC) if process_of(e).pid == os.getpid()]

    mine = await until(told, "this process")
    assert len(mine) == 1
    assert mine[0].evidence.source == "snapshot"
    assert process_of(mine[0]).exe == os.readlink("/proc/self/exe")
    assert process_of(mine[0]).ancestors[0].pid == os.getppid()


async def test_a_new_program_is_told_once_with_all_its_facts(watched: Watched, tmp_path: os.PathLike[str]) -> None:
    with subprocess.Popen(["sleep", "0.3141"], cwd=tmp_path) as child:
        (event,) = await until(lambda: watched.execs("sleep", "0.3141"), "the exec")
        assert event.evidence.source == "cursor"
        process = process_of(event)
        assert (process.pid, process.ppid) == (child.pid, os.getpid())
        assert process.exe is not None
        assert os.path.basename(process.exe) in ("sleep", "coreutils", "busybox")
        assert (process.cwd, process.uid, process.gid) == (str(tmp_path), os.geteuid(), os.getegid())
        assert process.ancestors[0].pid == os.getpid()
    (end,) = await until(lambda: watched.exits("sleep", "0.3141"), "the exit")
    assert process_of(end).entity == process.entity
    assert process_of(end).exit_code == 0
    assert len(watched.execs("sleep", "0.3141")) == 1


async def test_a_fork_without_exec_is_no_program(watched: Watched) -> None:
    code = "import os,time\npid=os.fork()\ntime.sleep(0.4)\nif pid: os.wait()"
    with subprocess.Popen([sys.executable, "-c", code]):
        await until(lambda: watched.execs(sys.executable, "-c", code), "the program itself")
    await until(lambda: watched.exits(sys.executable, "-c", code), "its end")
    assert len(watched.execs(sys.executable, "-c", code)) == 1


async def test_the_exit_code_is_told(watched: Watched) -> None:
    with subprocess.Popen(["sh", "-c", "sleep 0.1; exit 42"]):
        (end,) = await until(lambda: watched.exits("sh", "-c", "sleep 0.1; exit 42"), "the exit")
    process = process_of(end)
    missing = {m.field for m in end.evidence.missing}
    assert process.exit_code == 42 or "process.exit_code" in missing


async def test_hostile_names_and_arguments(watched: Watched, tmp_path: os.PathLike[str]) -> None:
    program = os.path.join(os.fsencode(tmp_path), b"a) R 1\n\xff")
    os.symlink("/bin/sh", program)
    huge = b"x" * 100_000
    with subprocess.Popen([program, b"-c", b"sleep 0.2; exit", b"\xff\xfe\n", huge]):
        found = await until(lambda: _with_argument(watched.emitted, "\\xff\\xfe\n"), "the program with a hostile name")
    process = process_of(found[0])
    assert process.args is not None
    assert process.args[0] == f"{tmp_path}/a) R 1\n\\xff"
    assert found[0].evidence.truncated == ("process.args",)


async def test_threads_are_no_processes(watched: Watched) -> None:
    before = len(watched.emitted.of(Kind.PROCESS_EXEC))
    numbers = watched.counters.seen["cursor.numbers"]
    await asyncio.gather(*(asyncio.to_thread(lambda: None) for _ in range(4)))
    await until(lambda: watched.counters.seen["cursor.numbers"] > numbers, "the threads' numbers")
    pids = {process_of(e).pid for e in watched.emitted.events[before:] if e.process}
    assert not pids & {int(t) for t in os.listdir("/proc/self/task")} - {os.getpid()}


async def test_what_is_gone_when_looked_at_is_unexplained(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by its number, so that what others on this machine run is none of them."""
    unread: list[int] = []
    count = watched.cursor._matching.unread
    monkeypatch.setattr(watched.cursor._matching, "unread", lambda one: (unread.append(one.pid), count(one)))
    before = watched.counters.unexplained
    gone: set[int] = set()
    for _ in range(50):
        with subprocess.Popen(["/bin/true"]) as child:  # the loop stands still meanwhile
            gone.add(child.pid)

    def told() -> set[int]:
        return gone & {process_of(e).pid for e in watched.emitted.of(Kind.PROCESS_EXEC)}

    await until(lambda: gone <= told() | set(unread), "each of them told or counted")
    await until(
        lambda: watched.counters.unexplained - before >= len(gone - told()), "the others counted as unexplained"
    )


async def test_what_came_while_we_looked_away_and_lives_is_found(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.cursor._hints.stop()
    monkeypatch.setattr(watched.cursor._hints, "listen", lambda: None)
    monkeypatch.setattr(watched.cursor._cpu, "is_overdrawn", lambda: True)
    with subprocess.Popen(["sh", "-c", "sleep 90.25; :"]) as child:
        await until(lambda: watched.counters.seen["storm.numbers"] >= 2, "its number and its child's gone by")
        await asyncio.sleep(0.3)
        assert not watched.execs("sleep", "90.25")
        assert not watched.cursor.is_up_to_date()
        monkeypatch.undo()
        (event,) = await until(lambda: watched.execs("sleep", "90.25"), "the one that came meanwhile")
        assert process_of(event).ancestors[0].pid == child.pid
        assert len(await until(lambda: watched.execs("sh", "-c", "sleep 90.25; :"), "its parent, which is hashed")) == 1
        os.kill(process_of(event).pid, 9)


def opened_all(*command: str) -> "subprocess.Popen[bytes]":
    """A program that has been started, and has opened whatever a hint is given of."""
    child = subprocess.Popen(command)
    while b"libc" not in Procfs().read(f"{child.pid}/maps"):
        assert child.poll() is None
    return child


async def test_one_that_opened_its_program_in_the_middle_of_a_look_is_looked_at(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, late = watched.cursor._hints.read, list[subprocess.Popen[bytes]]()

    def read_late() -> list[Opened]:
        if not late:
            late.append(opened_all("sleep", "90.26"))
        return read()

    monkeypatch.setattr(watched.cursor, "_look_around", lambda: None)
    monkeypatch.setattr(watched.cursor._hints, "read", read_late)
    with subprocess.Popen(["sleep", "90.27"]) as first:
        await until(lambda: watched.execs("sleep", "90.26"), "the one that came in the middle")
        late[0].kill()
        late[0].wait()
        first.kill()


async def test_one_whose_opens_were_read_for_another_is_looked_at(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched.cursor, "_look_around", lambda: None)
    with opened_all("sleep", "90.28") as child:
        watched.cursor._settling.unread(2**22)
        assert not watched.cursor._hints.read(), "its opens have been read"
        await until(lambda: watched.execs("sleep", "90.28"), "the one that came beside it")
        child.kill()


async def test_what_could_not_be_read_when_it_came_is_found(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(pid: int) -> Stat:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(watched.task.procfs, "stat", none_left)
    with subprocess.Popen(["sleep", "90.375"]) as child:
        await until(lambda: watched.counters.losses["proc_unreadable"], "what cannot be read")
        await asyncio.sleep(0.1)
        monkeypatch.undo()
        await until(lambda: watched.execs("sleep", "90.375"), "the one that came meanwhile")
        child.kill()


async def test_what_was_held_up_in_its_fork_is_found_by_the_next_look_at_all(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat, unborn = watched.task.procfs.stat, True

    def not_yet(pid: int) -> Stat:
        if (found := stat(pid)).ppid == os.getpid() and unborn:
            raise ProcessGone(f"PID {pid}: gone")
        return found

    monkeypatch.setattr(watched.task.procfs, "stat", not_yet)
    monkeypatch.setattr(process_arrivals, "EVERY_S", 0.1)
    with subprocess.Popen(["sleep", "90.5"]) as child:
        await asyncio.sleep(0.3)
        assert not watched.execs("sleep", "90.5")
        unborn = False
        await until(lambda: watched.execs("sleep", "90.5"), "the one that was held up")
        child.kill()


async def test_a_failure_at_a_hint_is_told_and_looked_after(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(watched.cursor, "_look_at_once", fails)
    watched.cursor._hinted()
    assert watched.counters.losses["proc_unreadable"] == 1
    assert not watched.cursor.is_up_to_date()


async def test_own_children_are_left_out_and_counted() -> None:
    counters, clock = Counters(), SystemClock()
    task = Task(instance="test", launcher=None, counters=counters, clock=clock, procfs=Procfs())
    task.start()
    async with collecting(ProcessCursor(processes=task, counters=counters, clock=clock), task) as emitted:
        await until(lambda: emitted.events, "the tree at the start")
        known = counters.seen["own_processes"]
        with subprocess.Popen(["sleep", "0.25"]) as child:
            await until(lambda: counters.seen["own_processes"] > known, "the child counted as our own")
            assert task.is_own(child.pid)
            assert child.pid in task.own_pids()
        assert not _with_argument(emitted, "0.25")
        assert os.getpid() not in {process_of(e).pid for e in emitted.of(Kind.PROCESS_EXEC)}
    task.close()


async def test_a_cursor_that_ran_before_tells_nothing_twice(watched: Watched) -> None:
    again = ProcessCursor(processes=watched.task, counters=watched.counters, clock=SystemClock())
    async with collecting(again, watched.task) as emitted:
        with subprocess.Popen(["sleep", "0.2"]):
            await until(lambda: watched.execs("sleep", "0.2") or _with_argument(emitted, "0.2"), "something new")
        assert os.getpid() not in {process_of(e).pid for e in emitted.of(Kind.PROCESS_EXEC)}


async def test_a_zombie_whose_end_was_told_is_not_taken_in_anew(watched: Watched) -> None:
    child = subprocess.Popen(["sleep", "0.0312"])  # nobody fetches its status, so that it stays there to be read
    try:
        await until(lambda: watched.exits("sleep", "0.0312"), "its end")
        told = len(watched.emitted.events)
        known = watched.task.process(child.pid)
        await asyncio.sleep(0.1)  # in which its end, if it were watched once more, would be told once more
        assert [e.kind for e in watched.emitted.events[told:] if e.process and e.process.pid == child.pid] == []
        assert known is not None
        assert known.args == ("sleep", "0.0312")
    finally:
        child.wait()


async def test_what_goes_by_between_two_lives_is_counted() -> None:
    counters = Counters()
    task, cursor = made(counters)
    task.start()
    async with collecting(cursor, task) as emitted:
        await until(lambda: emitted.events, "the tree at the start")
    before = counters.unexplained
    for _ in range(5):
        subprocess.run(["true"], check=True)
    async with collecting(cursor, task):
        await until(lambda: counters.unexplained >= before + 5, "five numbers that nobody saw")
    task.close()


async def test_hints_come_once_a_root_can_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_cursor, "COVER_S", 0.05)
    task, cursor = made(Counters())
    reach, reachable = task.root_of, False
    monkeypatch.setattr(task, "root_of", lambda container_id: reach(container_id) if reachable else None)
    task.start()
    async with collecting(cursor, task) as emitted:
        await until(lambda: emitted.events, "the tree at the start")
        assert "no exec hints" in (cursor.status().reason or "")
        reachable = True
        await until(lambda: "no exec hints" not in (cursor.status().reason or ""), "hints of all containers")
    task.close()


def _with_argument(emitted: Emitted, argument: str) -> list[Event]:
    return [e for e in emitted.of(Kind.PROCESS_EXEC) if argument in (process_of(e).args or ())]


async def test_another_uid_is_told_when_its_turn_comes(watched: Watched, need: Need) -> None:
    need(os.getuid() == 0, "root, to become another uid")
    code = "import os,sys; sys.stdin.readline(); os.setgid(12346); os.setuid(12345); sys.stdin.readline()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        await until(lambda: watched.execs(sys.executable, "-c", code), "the program")
        child.stdin.write(b"\n")
        child.stdin.flush()
        changed = functools.partial(_of_pid, watched, Kind.PROCESS_IDENTITY, child.pid)
        (event,) = await until(changed, "the other uid", ROUND_S)
        child.kill()
    assert (process_of(event).uid, process_of(event).gid) == (12345, 12346)
    assert event.evidence.source == "rotation"


def _of_pid(watched: Watched, kind: Kind, pid: int) -> list[Event]:
    return [e for e in watched.emitted.of(kind) if process_of(e).pid == pid]


async def test_with_everything_given_up_programs_are_still_told_whole(watched: Watched) -> None:
    watched.task.resolution.level = MOST
    with subprocess.Popen(["sleep", "0.4271"]) as child:
        (event,) = await until(lambda: watched.execs("sleep", "0.4271"), "the exec")
        assert process_of(event).pid == child.pid
        assert watched.task.settled(process_of(event).entity)
    await until(lambda: watched.exits("sleep", "0.4271"), "the exit")
