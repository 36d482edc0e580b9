"""A task whose apps are traced: the cursor and the tracing collector, running, and programs that wait until they are
followed before they do what a test is about."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fakes import Emitted
from running import collecting, until

from collectors import helper_launcher
from collectors.process_cursor import ProcessCursor
from collectors.process_table import Tracked
from collectors.process_trace import ProcessTrace
from collectors.procfs import Procfs
from collectors.task_view import Task
from collectors.trace_link import TracerLost
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.errors import ProcessGone
from sensor.model.events import Event, Process
from sensor.model.kinds import Kind

SPAWNING = 10
"""So many of the threads of `threaded` run a program each."""
_THREADS = """
import os, sys, threading
threading.stack_size(65536)
go, gone = threading.Event(), threading.Barrier({count} + 1)
def last(n):
    go.wait()
    if n < {spawning}:
        os.waitpid(os.posix_spawn("/bin/true", ["true", f"one of many {{n}}"], {{}}), 0)
    gone.wait()
for n in reversed(range({count})):
    threading.Thread(target=last, args=(n,), daemon=True).start()
print("there", flush=True)
sys.stdin.readline()
go.set()
gone.wait()
"""


class Traced:
    """What was told, and the tracer behind it. Only what `start` has started is attached to."""

    def __init__(self, task: Task, trace: ProcessTrace, emitted: Emitted, counters: Counters) -> None:
        self.task = task
        self.trace = trace
        self.emitted = emitted
        self.counters = counters
        self.lost: list[str] = []
        self._apps: list[subprocess.Popen[str]] = []

    async def start(
        self, command: Sequence[str], *, followed: bool = True, **options: object
    ) -> "subprocess.Popen[str]":
        """Start a program that reads a line before it begins, and return once it is followed."""
        app = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True, **options
        )  # type: ignore[call-overload]
        self._apps.append(app)
        if followed:
            await until(lambda: tracer_of(app.pid), "the app is followed")
        return app

    async def run(self, command: Sequence[str], **options: object) -> str:
        """What a program that was followed from its first line prints."""
        app = await self.start(command, **options)
        output, _ = await asyncio.to_thread(app.communicate, "\n", 60)
        assert app.returncode == 0, output
        return output

    def tracer(self) -> int:
        """The PID of the tracer, 0 while there is none."""
        return next((pid for pid in Procfs().pids() if comm(pid) == "sensor-tracer" and _is_below_us(pid)), 0)

    def execs(self, *last: str) -> list[Event]:
        """What was told of programs whose arguments end like this."""
        return [
            e for e in self.emitted.of(Kind.PROCESS_EXEC) if e.process and (e.process.args or ())[-len(last) :] == last
        ]

    def end(self) -> None:
        """Kill what is left of the apps."""
        for app in self._apps:
            with suppress(ProcessLookupError):
                os.killpg(app.pid, 9)
            app.communicate()


@asynccontextmanager
async def tracing(*, again: bool | None = False) -> AsyncIterator[Traced]:
    """Everything started. When a tracer is lost the test fails; with `again` another takes its place at once, as the
    supervisor sees to a little later; and with None none does.
    """
    counters, clock = Counters(), SystemClock()
    launcher = helper_launcher.start()
    (launcher_pid,) = [pid for pid in children(os.getpid()) if comm(pid).startswith(("python", "pytest"))][-1:]
    task = Task(instance="test", launcher=launcher, counters=counters, clock=clock, procfs=Procfs(), own_pid=-1)

    def may_trace(process: Tracked) -> bool:
        return process.ppid == os.getpid() and process.pid != launcher_pid

    trace = ProcessTrace(processes=task, counters=counters, clock=clock, may_trace=may_trace)
    task.start()
    cursor = ProcessCursor(processes=task, counters=counters, clock=clock)
    async with collecting(cursor, task) as emitted:
        scene = Traced(task, trace, emitted, counters)
        running = asyncio.create_task(_keep(scene, again))
        try:
            await until(lambda: task.tracing.active, "the tracer answers")
            yield scene
            if running.done():
                running.result()
        finally:
            scene.end()
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
    task.close()


async def _keep(scene: Traced, again: bool | None) -> None:
    while True:
        try:
            await scene.trace.run(scene.task, scene.emitted)
        except TracerLost as error:
            scene.lost.append(str(error))
            if again is False:
                raise
            if again is None:
                return


async def threaded(traced: Traced, count: int) -> "subprocess.Popen[str]":
    """A program with so many threads, all there; it goes on when it reads a line."""
    code = _THREADS.format(count=count, spawning=SPAWNING)
    app = await traced.start([sys.executable, "-c", code], followed=False)
    assert app.stdout is not None
    await asyncio.to_thread(app.stdout.readline)
    return app


def all_followed(pid: int) -> bool:
    """Whether each thread of a process is traced."""
    return all(tracer_of(int(tid)) for tid in os.listdir(f"/proc/{pid}/task"))


def processes(traced: Traced, kind: Kind = Kind.PROCESS_EXEC) -> list[Process]:
    """Those of which events of this kind tell."""
    return [event.process for event in traced.emitted.of(kind) if event.process]


def told_of(traced: Traced, word: str, most: int) -> list[Event]:
    """The execs that have the word among their arguments, once there are so many: some wait for their hash."""
    told = [e for e in traced.emitted.of(Kind.PROCESS_EXEC) if e.process and word in (e.process.args or ())]
    return told if len(told) >= most else []


def exits(traced: Traced, word: str) -> list[Process]:
    """The processes that have ended and had the word among their arguments."""
    return [process for process in processes(traced, Kind.PROCESS_EXIT) if word in (process.args or ())]


def say(app: "subprocess.Popen[str]", line: str) -> None:
    """Have a program read it."""
    assert app.stdin is not None
    app.stdin.write(line)
    app.stdin.flush()


def python(source: str | Path) -> list[str]:
    """The command that runs a Python program once it has read a line."""
    text = source.read_text() if isinstance(source, Path) else source
    return [sys.executable, "-c", f"import sys\nsys.stdin.readline()\n{text}"]


def shell(script: str) -> list[str]:
    """The same for a shell's script."""
    return ["/bin/sh", "-c", f"read line; {script}"]


def tracer_of(pid: int) -> int:
    """Who traces a process, 0 if nobody does."""
    return Procfs().tracer(pid)


def children(pid: int) -> list[int]:
    """The children of all threads of a process, in the order of their birth."""
    found: list[int] = []
    for tid in Procfs().names(f"{pid}/task"):
        with suppress(ProcessGone):  # a thread that has ended since
            found += map(int, Procfs().read(f"{pid}/task/{tid}/children").split())
    return sorted(found)


def comm(pid: int) -> str:
    try:
        return Procfs().stat(pid).comm
    except ProcessGone:
        return ""


def _is_below_us(pid: int) -> bool:
    return Procfs().stat(Procfs().stat(pid).ppid).ppid == os.getpid()
