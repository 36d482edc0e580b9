"""Tracing on the real kernel: every program with its arguments, told once, and nothing left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import until
from tiny_programs import that_ends, that_executes
from trace_scene import (
    SPAWNING,
    Traced,
    all_followed,
    exits,
    processes,
    python,
    say,
    shell,
    threaded,
    told_of,
    tracer_of,
    tracing,
)

from collectors import trace_telling
from collectors.process_settling import Settling
from collectors.process_table import Tracked
from collectors.procfs import Stat
from collectors.trace_telling import fill
from collectors.tracer.wire import ExecFields
from sensor.model.kinds import Kind

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("may_trace")]

SPAWNS = 300
SHELL, PYTHON = os.path.realpath("/bin/sh"), os.path.realpath(sys.executable)


async def test_a_shell_loop_is_told_whole_and_once(traced: Traced) -> None:
    await traced.run(shell(f"i=0; while [ $i -lt {SPAWNS} ]; do /bin/true loop $i; i=$((i+1)); done"))
    told = await until(lambda: told_of(traced, "loop", SPAWNS), "each program")
    assert {event.process.args[-1] for event in told} == {str(n) for n in range(SPAWNS)}
    assert len(told) == SPAWNS
    assert {event.evidence.source for event in told} == {"trace"}
    assert {event.process.uid for event in told} == {os.geteuid()}
    assert {event.process.cwd for event in told} == {os.getcwd()}
    assert {os.path.basename(event.process.exe) for event in told} <= {"true", "coreutils", "busybox"}
    assert all(event.process.ancestors[0].exe == SHELL for event in told)
    await until(lambda: len(exits(traced, "loop")) == SPAWNS, "each end")
    assert {process.exit_code for process in exits(traced, "loop")} == {0}


async def test_what_is_traced_is_never_unexplained(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the numbers of these shells and programs none goes unread; what else runs on this machine may."""
    unread: list[int] = []
    original = Settling.unread

    def recorded(self: Settling, pid: int, *rest: object, **more: object) -> None:
        unread.append(pid)
        original(self, pid, *rest, **more)  # type: ignore[arg-type] # handed on as they came

    monkeypatch.setattr(Settling, "unread", recorded)
    printed = await traced.run(
        shell("for i in 1 2 3 4 5 6 7 8 9; do ( /bin/true nine $i & echo $!; wait ) & echo $!; done; wait")
    )
    await until(lambda: told_of(traced, "nine", 9), "each program")
    await until(lambda: traced.task.catch_up() or traced.task.is_up_to_date(), "the cursor has passed")
    numbers = set(map(int, printed.split()))
    assert len(numbers) == 18
    assert not numbers & set(unread)


async def test_each_program_of_a_chain_is_told(traced: Traced) -> None:
    await traced.run(shell("exec env CHAIN=1 sh -c 'exec env -u CHAIN sh -c \"exec /bin/true chained\"'"))
    (last,) = await until(lambda: traced.execs("chained"), "the last of the chain")
    assert last.process
    told = sorted(traced.emitted.of(Kind.PROCESS_EXEC), key=lambda event: event.time)  # the cursor may be ahead by one
    chain = [event.process.args for event in told if event.process and event.process.entity == last.process.entity]
    assert [os.path.basename(args[0]) for args in chain if args] == ["sh", "env", "sh", "env", "sh", "true"], told


async def test_no_program_is_told_with_the_file_of_the_one_that_comes_right_after_it(
    traced: Traced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str | None, int]] = []

    def recorded(process: Tracked, stat: Stat, fields: ExecFields) -> None:
        fill(process, stat, fields)
        if process.version is not None:
            told.append((process.exe, process.version[1]))

    monkeypatch.setattr(trace_telling, "fill", recorded)
    first, second = tmp_path / "first", tmp_path / "second"
    that_ends(second)
    that_executes(first, second)
    spawn = "os.waitpid(os.posix_spawn(path, [path], {}), 0)"
    await traced.run(python(f"import os\nfor path in 200 * [{str(first)!r}]: {spawn}"))
    await until(lambda: sum(process.exe == str(second) for process in processes(traced)) == 200, "each program")
    assert sum(process.exe == str(first) for process in processes(traced)) == 200
    found = {(exe, inode) for exe, inode in told if exe in (str(first), str(second))}
    assert found <= {(str(path), path.stat().st_ino) for path in (first, second)}
    assert (str(second), second.stat().st_ino) in found, "the first may have gone on each time before its file was seen"


async def test_fork_vfork_and_posix_spawn(traced: Traced) -> None:
    await traced.run(
        python(
            """
import os, subprocess
pid = os.fork()
if pid == 0:
    os.execv("/bin/true", ["true", "by fork"])
os.waitpid(pid, 0)
os.waitpid(os.posix_spawn("/bin/true", ["true", "by posix_spawn"], {}), 0)
subprocess.run(["/bin/true", "by subprocess"])
pid = os.fork()
if pid == 0:
    inner = os.fork()
    if inner == 0:
        os.execv("/bin/true", ["true", "by a grandchild"])
    os.waitpid(inner, 0)
    os._exit(0)
os.waitpid(pid, 0)
"""
        )
    )
    (last,) = await until(lambda: traced.execs("by a grandchild"), "the grandchild")
    for how in ("by fork", "by posix_spawn", "by subprocess"):
        (_,) = await until(lambda how=how: traced.execs(how), how)  # the first waits for its hash
    assert last.process is not None
    assert [a.exe for a in last.process.ancestors][:2] == [None, PYTHON]


async def test_the_last_program_of_what_was_attached_to_is_told_before_its_end_however_short(
    traced: Traced, tmp_path: Path
) -> None:
    last = tmp_path / "last"
    that_ends(last)
    pids = {int(await traced.run(shell(f"echo $$; exec {last}"))) for _ in range(20)}
    await until(lambda: pids == {end.pid for end in processes(traced, Kind.PROCESS_EXIT)} & pids, "each end")
    ends = [end.exe for end in processes(traced, Kind.PROCESS_EXIT) if end.pid in pids]
    assert ends == 20 * [str(last)]
    told = [event.kind for event in traced.emitted.events if event.process and event.process.exe == str(last)]
    assert told == 20 * [Kind.PROCESS_EXEC, Kind.PROCESS_EXIT]


async def test_threads_that_spawn_and_a_thread_that_executes(traced: Traced) -> None:
    app = await traced.start(
        python(
            """
import os, threading
def spawn(n):
    for m in range(10):
        os.waitpid(os.posix_spawn("/bin/true", ["true", "spawned", f"{n} {m}"], {}), 0)
threads = [threading.Thread(target=spawn, args=(n,)) for n in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
threading.Thread(target=os.execv, args=("/bin/true", ["true", "by a thread"])).start()
threading.Event().wait()
"""
        )
    )
    await asyncio.to_thread(app.communicate, "\n", 60)
    (last,) = await until(lambda: traced.execs("by a thread"), "the program of a thread")
    assert last.process is not None
    assert last.process.pid == app.pid
    assert app.returncode == 0
    told = await until(lambda: told_of(traced, "spawned", 80), "each program")
    assert len(told) == len({event.process.args for event in told}) == 80


async def test_hostile_arguments_and_an_environment_that_preloads(traced: Traced) -> None:
    huge = "x" * 100_000
    code = f"""
import os
os.spawnve(os.P_WAIT, b"/bin/true", [b"true", b"\\xff\\xfe\\n", b"{huge}"], {{"LD_AUDIT": "/nowhere", "A": "y"}})
os.waitpid(os.posix_spawn("/bin/true", ["true", "", ""], {{}}), 0)
"""
    await traced.run(python(code))
    (event,) = await until(lambda: told_of(traced, "\\xff\\xfe\n", 1), "the program")
    assert event.evidence.truncated == ("process.args",)
    assert event.process.preload == ("LD_AUDIT=/nowhere",)
    await until(lambda: traced.execs("true", "", ""), "arguments that are empty")


async def test_a_thousand_threads_are_followed(traced: Traced) -> None:
    app = await threaded(traced, 1000)
    await until(lambda: all_followed(app.pid), "every thread is followed")
    await asyncio.to_thread(app.communicate, "\n", 60)
    assert app.returncode == 0
    for n in range(SPAWNING):
        await until(lambda n=n: traced.execs(f"one of many {n}"), f"the program of thread {n}")


async def test_what_is_killed_while_it_stands_still_ends(traced: Traced) -> None:
    code = """
import os, random, signal
for n in range(150):
    pid = os.fork()
    if pid == 0:
        os.execv("/bin/sh", ["sh", "-c", "/bin/true; /bin/true; exec sleep 100"])
    for _ in range(random.randrange(4000)): pass
    os.kill(pid, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9
print("all")
"""
    assert await traced.run(python(code)) == "all\n"


async def test_signals_stops_job_control_and_privileges_are_the_same_with_and_without(traced: Traced) -> None:
    program = python(Path(__file__).with_name("trace_semantics.py"))
    without = await asyncio.to_thread(subprocess.run, program, input="\n", capture_output=True, text=True, timeout=60)
    assert without.returncode == 0, without.stderr
    assert await traced.run(program) == without.stdout
    stops = without.stdout.count("True, 19")
    assert stops == 2, "what is compared has something in it"


async def test_the_app_survives_a_tracer_that_is_killed_and_the_cursor_goes_on() -> None:
    async with tracing(again=True) as traced:
        app = await traced.start(shell("while read line; do /bin/sleep 0.05 $line; done; echo done"))
        say(app, "\n0.001\n")
        (event,) = await until(lambda: traced.execs("0.001"), "a program")
        assert event.evidence.source == "trace"
        os.kill(traced.tracer(), signal.SIGKILL)
        await until(lambda: traced.lost, "the loss")
        assert traced.counters.losses["tracer_lost"] == 1
        await until(lambda: tracer_of(app.pid), "followed again")
        say(app, "0.002\n")
        (event,) = await until(lambda: traced.execs("0.002"), "a program of the next tracer's")
        assert event.evidence.source == "trace"
        output, _ = await asyncio.to_thread(app.communicate, "", 60)
        assert output == "done\n"


async def test_without_a_tracer_the_cursor_tells() -> None:
    async with tracing(again=None) as traced:
        app = await traced.start(shell("while read line; do /bin/sleep 0.3 $line; done; echo done"))
        os.kill(traced.tracer(), signal.SIGKILL)
        await until(lambda: traced.lost, "the loss")
        say(app, "\n0.001\n")
        (event,) = await until(lambda: traced.execs("0.001"), "a program")
        assert event.evidence.source == "cursor"
        output, _ = await asyncio.to_thread(app.communicate, "", 60)
        assert output == "done\n"


async def test_a_tracer_that_stands_still_is_killed_and_the_app_goes_on() -> None:
    async with tracing(again=True) as traced:
        app = await traced.start(shell("while read line; do /bin/true $line; echo $line; done"))
        assert app.stdout is not None
        say(app, "\nfirst\n")
        assert await asyncio.to_thread(app.stdout.readline) == "first\n"
        os.kill(traced.tracer(), signal.SIGSTOP)
        began = time.monotonic()
        say(app, "second\n")
        assert await asyncio.to_thread(app.stdout.readline) == "second\n"
        assert 0.1 < time.monotonic() - began < 10
        await until(lambda: traced.lost, "the loss")
        assert "silent" in traced.lost[0]


async def test_nothing_is_left_behind() -> None:
    before = set(os.listdir("/proc/self/fd"))
    async with tracing() as traced:
        app = await traced.start(shell("exec sleep 100"))
        tracer = traced.tracer()
        assert tracer
    assert set(os.listdir("/proc/self/fd")) == before
    await until(lambda: not os.path.exists(f"/proc/{tracer}"), "the tracer has ended")
    assert app.returncode == -9
