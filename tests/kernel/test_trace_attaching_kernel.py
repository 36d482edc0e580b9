"""Whom the tracer attaches to on the real kernel, and whom it cannot, loses, or leaves alone."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest
from running import until
from trace_scene import Traced, exits, python, say, shell, told_of, tracer_of, tracing

from collectors import process_trace
from collectors.procfs import Procfs
from collectors.tracer import ptrace
from sensor.model.protocols import Status

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("may_trace")]


async def test_what_another_traces_is_left_alone_and_told(traced: Traced) -> None:
    code = """
import ctypes, os, sys
pid = os.fork()
if pid == 0:
    ctypes.CDLL(None).ptrace(0, 0, 0, 0)  # PTRACE_TRACEME
    os.execv("/bin/sleep", ["sleep", "100.5"])
os.waitpid(pid, 0)
print(pid, flush=True)
sys.stdin.readline()
"""
    with subprocess.Popen(
        [sys.executable, "-c", f"import os\nif os.fork(): os._exit(0)\n{code}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as app:  # fmt: skip
        assert app.stdout is not None
        debugged = int(app.stdout.readline())
        other = tracer_of(debugged)
        process = await until(lambda: traced.task.living_process(debugged), "the process is known")
        traced.trace._may_trace = lambda process: process.pid == debugged  # it is no child of this test
        traced.trace.found(process)
        await until(lambda: traced.trace.status().status is Status.DEGRADED, "the refusal")
        assert traced.trace.status().reason == (
            f"1 processes are not traced, PID {debugged}: PID {other} traces it already"
        )
        assert tracer_of(debugged) == other
        os.kill(debugged, signal.SIGKILL)
        os.kill(other, signal.SIGKILL)


UNTRACED = """
import ctypes, os, platform, signal, time
CLONE, CLONE_UNTRACED = (220 if platform.machine() == "aarch64" else 56), 0x00800000
for n in range(5):
    time.sleep(0.1)
    pid = ctypes.PyDLL(None).syscall(CLONE, CLONE_UNTRACED | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os.execv("/bin/sleep", ["sleep", "0.1", "0.00777"])
    os.waitpid(pid, 0)
"""


async def test_children_that_are_kept_from_the_tracer_are_seen_as_without_one(traced: Traced) -> None:
    await traced.run(python(UNTRACED))
    told = await until(lambda: told_of(traced, "0.00777", 4), "those that live a tenth of a second")
    assert "trace" not in {event.evidence.source for event in told}


BY_A_THREAD_OF_ITS_OWN = """
import ctypes, mmap, os, sys
VM, FS, FILES, SIGHAND, VFORK, THREAD, SYSVSEM, UNTRACED = 0x100, 0x200, 0x400, 0x800, 0x4000, 1 << 16, 1 << 18, 1 << 23
clone, size = ctypes.CDLL(None).clone, 1 << 20
end = ctypes.addressof(ctypes.c_char.from_buffer(stack := mmap.mmap(-1, size))) + size

@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
def execute(_):
    os.execv("/bin/sh", ["sh", "-c", "read line; /bin/true spawned; exec /bin/true executed", "a stray"])

clone.argtypes = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p
clone(ctypes.cast(execute, ctypes.c_void_p), end, VM | FS | FILES | SIGHAND | VFORK | THREAD | SYSVSEM | UNTRACED, None)
"""
"""The thread that calls waits until the other, which has its memory, has executed (CLONE_VFORK)."""


async def test_a_process_is_not_lost_to_a_thread_that_is_kept_from_the_tracer_and_executes(traced: Traced) -> None:
    command = [sys.executable, "-c", BY_A_THREAD_OF_ITS_OWN]
    app = await traced.start(["/bin/sh", "-c", 'read line; exec "$@"', "sh", *command])
    say(app, "\n")
    await until(lambda: traced.execs(*command), "the program that makes the thread")
    await until(lambda: traced.execs("a stray"), "what the thread executes")
    await until(lambda: tracer_of(app.pid), "followed again")
    await asyncio.to_thread(app.communicate, "\n", 60)
    (spawned,) = await until(lambda: traced.execs("spawned"), "what is born of it")
    assert spawned.evidence.source == "trace"
    (executed,) = await until(lambda: traced.execs("executed"), "what it becomes")
    (end,) = await until(lambda: exits(traced, "executed"), "its end")
    assert end.pid == app.pid
    # The cursor looks at what was attached to as well, and may be first.
    assert executed.evidence.source == "trace" or traced.counters.seen["trace.told_before"]


WITHOUT_MAIN = """
import ctypes, os, platform, sys, threading
def go_on():
    while open(f"/proc/self/task/{os.getpid()}/stat").read().rpartition(")")[2].split()[0] != "Z": pass
    print("there", flush=True)
    sys.stdin.readline()
    os.waitpid(os.posix_spawn("/bin/true", ["true", "of a thread"], {}), 0)
    os.execv("/bin/true", ["true", "without a main thread"])
threading.Thread(target=go_on).start()
ctypes.CDLL(None).syscall(93 if platform.machine() == "aarch64" else 60, 0)  # exit(2): of this thread alone
"""


async def without_main_thread(traced: Traced) -> "subprocess.Popen[str]":
    """A process whose main thread had ended before it was followed by another of its threads."""
    traced.trace._may_trace = lambda process: False
    app = await traced.start([sys.executable, "-c", WITHOUT_MAIN], followed=False)
    process = await until(lambda: traced.task.living_process(app.pid), "the process is known")
    assert app.stdout is not None
    await asyncio.to_thread(app.stdout.readline)
    traced.trace._may_trace = lambda process: process.pid == app.pid
    traced.trace.found(process)
    (thread,) = [int(tid) for tid in os.listdir(f"/proc/{app.pid}/task") if int(tid) != app.pid]
    await until(lambda: tracer_of(thread), "the thread that lives is followed")
    return app


async def test_a_process_whose_main_thread_has_ended_is_followed_by_its_others(traced: Traced) -> None:
    app = await without_main_thread(traced)
    await asyncio.to_thread(app.communicate, "\n", 60)
    await until(lambda: traced.execs("of a thread"), "what it spawned")
    (last,) = await until(lambda: traced.execs("without a main thread"), "what it executed")
    assert last.process is not None
    assert last.process.pid == app.pid


async def test_one_whose_end_the_tracer_cannot_tell_is_forgotten_nevertheless(traced: Traced) -> None:
    app = await without_main_thread(traced)
    process = traced.task.living_process(app.pid)
    assert process is not None
    await until(lambda: traced.trace.follows(process), "it is told that it is followed")
    app.kill()
    app.communicate()
    await until(lambda: not traced.trace.follows(process), "it is followed no more")


STUCK = """
import os, sys, threading
other = threading.Thread(target=threading.Event().wait, daemon=True)
other.start()
print(other.native_id, flush=True)
sys.stdin.readline()
os.execv("/bin/sleep", ["sleep", "100"])
"""


async def test_a_process_that_nobody_can_attach_to_costs_one_tracer_and_is_then_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its exec waits until who traces a thread of it waits for that: this test, which does not."""
    monkeypatch.setattr(process_trace, "STUCK_AGAIN_S", 60.0)
    async with tracing(again=True) as traced:
        app = await traced.start(shell("read line; /bin/true told"))
        traced.trace._may_trace = lambda process: process.pid == app.pid
        stuck = await traced.start([sys.executable, "-c", STUCK], followed=False)
        assert stuck.stdout is not None
        thread = int(await asyncio.to_thread(stuck.stdout.readline))
        ptrace.seize(thread)
        say(stuck, "\n")
        await until(lambda: Procfs().stat(stuck.pid).state == "D", "its exec waits")
        process = await until(lambda: traced.task.living_process(stuck.pid), "the process is known")
        traced.trace._may_trace = lambda process: process.pid in (app.pid, stuck.pid)
        traced.trace.found(process)
        await until(lambda: traced.lost, "the loss")
        assert f"PID {stuck.pid} cannot" in traced.lost[0]
        await until(lambda: tracer_of(app.pid), "the other is followed again")
        assert traced.trace.status().reason == f"1 processes are not traced, PID {stuck.pid}: {process_trace.STUCK}"
        await asyncio.to_thread(app.communicate, "\n", 60)
        (event,) = await until(lambda: traced.execs("told"), "what the other runs")
        assert event.evidence.source == "trace"
        assert len(traced.lost) == 1
        stuck.kill()
        await asyncio.to_thread(os.waitpid, thread, ptrace.WALL)
