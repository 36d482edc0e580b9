"""What root beside the sensor may do to its process: the real calls, against a process that looks at itself."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from needs import Need

from collectors import rights
from collectors.procfs import Procfs

pytestmark = pytest.mark.kernel

LOOKING = """
import json, sys
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.telemetry.own_process import OwnProcess

counters = Counters()
own = OwnProcess(counters=counters, clock=SystemClock(), changed=lambda: None)
print(flush=True)
for _ in sys.stdin:
    own.look()
    print(json.dumps([counters.losses, [h.reason for h in own.health().values()]]), flush=True)
"""
LISTENING = """
import asyncio, os, signal
from sensor.app.signals import listen

async def main():
    told = asyncio.Queue()
    listen(told.put_nowait, lambda pid: told.put_nowait(f"goes on by {pid}"))
    os.kill(os.getpid(), signal.SIGINT)
    print(await told.get() == os.getpid(), flush=True)
    while True:
        print(await told.get(), flush=True)

asyncio.run(main())
"""


@pytest.fixture
def looking() -> Iterator[subprocess.Popen[str]]:
    with _python(LOOKING) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child
        child.kill()


def test_lowered_limits_and_priorities_are_found_and_put_back_where_permitted(
    looking: subprocess.Popen[str], need: Need
) -> None:
    held = rights.read(Procfs(), os.getpid()).capabilities or ()
    need("SYS_NICE" in held, "SYS_NICE, to put a scheduler back")
    soft, hard = resource.prlimit(looking.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(looking.pid, resource.RLIMIT_NOFILE, (20, hard))
    os.sched_setscheduler(looking.pid, os.SCHED_IDLE, os.sched_param(0))
    os.sched_setaffinity(looking.pid, {min(os.sched_getaffinity(looking.pid))})

    losses, (reason,) = _look(looking)

    assert losses == {"tampered": 1}
    assert f"RLIMIT_NOFILE was ({soft}, {hard}), was set to (20, {hard})" in reason
    assert "scheduler was 0, was set to 5 from outside and is 0" in reason
    assert resource.prlimit(looking.pid, resource.RLIMIT_NOFILE) == (soft, hard)
    assert os.sched_getscheduler(looking.pid) == os.SCHED_OTHER
    assert os.sched_getaffinity(looking.pid) == os.sched_getaffinity(0)


def test_a_hard_limit_that_was_lowered_is_told(looking: subprocess.Popen[str]) -> None:
    resource.prlimit(looking.pid, resource.RLIMIT_NPROC, (7, 7))
    losses, (reason,) = _look(looking)
    assert losses == {"tampered": 1}
    assert "was set to (7, 7) from outside" in reason
    assert _look(looking)[0] == {"tampered": 1}, "told once"


def test_who_has_sent_a_signal_is_known() -> None:
    with _python(LISTENING) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "True\n", "it knows its own"
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
            os.kill(child.pid, number)
            assert child.stdout.readline() == f"{os.getpid()}\n"
        child.kill()


def test_a_stop_however_short_is_known_by_what_ends_it() -> None:
    with _python(LISTENING) as child:
        assert child.stdout is not None
        child.stdout.readline()
        os.kill(child.pid, signal.SIGSTOP)
        os.kill(child.pid, signal.SIGCONT)
        assert child.stdout.readline() == f"goes on by {os.getpid()}\n"
        child.kill()


def _python(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _look(child: subprocess.Popen[str]) -> Any:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write("\n")
    child.stdin.flush()
    return json.loads(child.stdout.readline())
