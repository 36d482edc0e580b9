"""The tracer's requests on the real kernel: what a stop is worth that nobody has waited for, and whose is told of."""

import os
import signal
import subprocess
import sys
import time

import pytest

from collectors.procfs import Procfs
from collectors.tracer import ptrace
from collectors.tracer.attaching import attach
from collectors.tracer.exec_facts import ExecReader
from collectors.tracer.outlet import Outlet
from collectors.tracer.reaping import Reaper
from collectors.tracer.tracees import Tracees

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("may_trace")]


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGSTOP, signal.SIGRTMIN, signal.SIGTERM])
def test_a_signal_on_its_way_outlives_the_tracer(number: signal.Signals) -> None:
    """The tracer is gone between its look at a stop and its passing on of what the tracee had stopped for."""
    with subprocess.Popen(["/bin/sleep", "10"]) as app:
        tracer = os.fork()
        if tracer == 0:
            ptrace.seize(app.pid)
            os.kill(app.pid, number)
            found = ptrace.fetch(ptrace.wait())
            os._exit(found != (app.pid, number << 8 | 0x7F))
        assert os.waitstatus_to_exitcode(os.waitpid(tracer, 0)[1]) == 0, "the stop was seen"
        _, status = os.waitpid(app.pid, os.WUNTRACED)
        stopped = os.WIFSTOPPED(status)
        app.returncode = None if stopped else os.waitstatus_to_exitcode(status)
        app.kill()
    assert stopped if number == signal.SIGSTOP else app.returncode == -number


def test_of_several_the_newest_is_told_of_and_an_older_one_when_it_is_asked_for() -> None:
    """What stops again and again would keep all older ones standing, if none were asked for by its number."""
    with subprocess.Popen(["/bin/sleep", "10"]) as older, subprocess.Popen(["/bin/sleep", "10"]) as newer:
        tracer = os.fork()
        if tracer == 0:
            for pid in (older.pid, newer.pid):
                ptrace.seize(pid)
                os.kill(pid, signal.SIGWINCH)
                while Procfs().stat(pid).state != "t":
                    time.sleep(0.001)
            stop = signal.SIGWINCH << 8 | 0x7F
            found = [ptrace.fetch(ptrace.wait()), ptrace.fetch(ptrace.wait()), ptrace.waiting(older.pid)]
            ptrace.resume(older.pid)
            found += [ptrace.waiting(older.pid), ptrace.waiting(os.getppid())]
            os._exit(found != [(newer.pid, stop), (newer.pid, stop), (older.pid, stop), None, None])
        assert os.waitstatus_to_exitcode(os.waitpid(tracer, 0)[1]) == 0
        older.kill()
        newer.kill()


EXECUTING = """
import os, sys, threading
def execute():
    sys.stdin.readline()
    os.execv("/bin/sleep", ["sleep", "10"])
threading.Thread(target=execute).start()
print("there", flush=True)
threading.Event().wait()
"""


def test_a_thread_that_executes_before_it_is_seized_takes_no_process_out_of_tracing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    procfs, seized = Procfs(), list[int]()
    seize = ptrace.seize

    def followed(tid: int) -> None:
        seize(tid)
        seized.append(tid)
        if seized == [app.pid]:
            os.write(stdin, b"\n")
            while procfs.stat(app.pid).comm != "sleep":
                time.sleep(0.001)

    with subprocess.Popen([sys.executable, "-c", EXECUTING], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as app:
        assert app.stdin is not None
        assert app.stdout is not None
        stdin = app.stdin.fileno()
        app.stdout.readline()
        tracer = os.fork()
        if tracer == 0:
            monkeypatch.setattr(ptrace, "seize", followed)
            tracees = Tracees(Outlet(os.open("/dev/null", os.O_WRONLY)), ExecReader(procfs))
            why_not = attach(tracees, procfs, app.pid, procfs.stat(app.pid).start_ticks)
            is_ours = procfs.tracer(app.pid) == os.getpid() and app.pid in tracees and len(tracees) == 1
            os._exit(why_not is not None or not is_ours)
        assert os.waitstatus_to_exitcode(os.waitpid(tracer, 0)[1]) == 0
        app.kill()


BESIDE_ANOTHER = EXECUTING.replace("print", "threading.Thread(target=threading.Event().wait).start()\nprint", 1)


def test_an_exec_that_waits_for_the_tracer_and_keeps_it_from_seizing_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for the other: the exec for a wait for the thread that was seized, and who seizes for the exec."""
    procfs, seized = Procfs(), list[int]()
    seize = ptrace.seize

    def followed(tid: int) -> None:
        if len(seized) == 2:
            os.write(stdin, b"\n")
            while procfs.stat(tid).state != "D":
                time.sleep(0.001)
        seize(tid)
        seized.append(tid)

    with subprocess.Popen([sys.executable, "-c", BESIDE_ANOTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as app:
        assert app.stdin is not None
        assert app.stdout is not None
        stdin = app.stdin.fileno()
        app.stdout.readline()
        executing, other = sorted(int(tid) for tid in procfs.names(f"{app.pid}/task"))[1:]
        monkeypatch.setattr(procfs, "names", lambda _: [str(app.pid), str(other), str(executing)])
        tracer = os.fork()
        if tracer == 0:
            signal.alarm(10)
            monkeypatch.setattr(ptrace, "seize", followed)
            tracees, stuck = Tracees(Outlet(os.open("/dev/null", os.O_WRONLY)), ExecReader(procfs)), list[int]()
            with Reaper(tracees, stuck.append).seizing(app.pid):
                why_not = attach(tracees, procfs, app.pid, procfs.stat(app.pid).start_ticks)
            is_ours = procfs.tracer(app.pid) == os.getpid() and tracees.threads_of(app.pid) == [app.pid]
            os._exit(why_not is not None or not is_ours or bool(stuck))
        assert os.waitstatus_to_exitcode(os.waitpid(tracer, 0)[1]) == 0
        assert procfs.stat(app.pid).comm == "sleep"
        app.kill()
