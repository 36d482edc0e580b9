"""The tracer is killed or stopped at a random moment while an app spawns and signals itself: what the app finds must be
what it finds without one, and it must not be held up for long."""

import asyncio
import os
import random
import signal
import subprocess
import time
from statistics import median

from running import until
from trace_scene import SPAWNING, all_followed, python, threaded, tracer_of, tracing

TURNS, STEPS = 120, 5
APP = f"""
import os, signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGUSR1, signal.SIGRTMIN}})
found, longest = [], 0.0
for n in range({TURNS}):
    begin = time.monotonic()
    script = f"/bin/true; kill -USR1 $PPID; kill -STOP $$; exit {{n % 200}}"
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", script], os.environ)
    found.append(signal.sigwaitinfo({{signal.SIGUSR1}}).si_pid == pid)
    found.append(os.WSTOPSIG(os.waitpid(pid, os.WUNTRACED)[1]))
    os.kill(pid, signal.SIGCONT)
    found.append(os.waitpid(pid, 0)[1])
    pid = os.fork()
    if pid == 0:
        os.kill(os.getppid(), signal.SIGRTMIN)
        time.sleep(100)
    found.append(signal.sigwaitinfo({{signal.SIGRTMIN}}).si_pid == pid)
    os.kill(pid, signal.SIGKILL)
    found.append(os.waitpid(pid, 0)[1])
    longest = max(longest, time.monotonic() - begin)
print(found)
print(longest)
"""


async def campaign(times: int) -> str:
    """A line about each of the two ways, so many times each, and one for each result that was another."""
    without = await asyncio.to_thread(
        subprocess.run, python(APP), input="\n", capture_output=True, text=True, check=True, timeout=120
    )
    expected, alone = split(without.stdout)
    lines = [f"\nthe tracer lost at a random moment; longest turn of the app without a tracer: {alone * 1000:.0f} ms"]
    for number in (signal.SIGKILL, signal.SIGSTOP):
        changed, stalls, hit, others = 0, [], 0, []
        for _ in range(times):
            found, stall, was_lost = await one(number)
            changed += found != expected
            others += differences(expected, found)
            stalls.append(stall)
            hit += was_lost
        lines.append(
            f"{number.name}: {times} runs, tracer lost in {hit}, the app's results changed in {changed}; "
            f"longest turn median {median(stalls) * 1000:.0f} ms, worst {max(stalls) * 1000:.0f} ms"
        )
        lines += others
    return "\n".join(lines)


async def many_threads(count: int) -> str:
    """How long it takes until all threads of a program are followed, and until some of them have run programs."""
    async with tracing() as traced:
        began = time.monotonic()
        app = await threaded(traced, count)
        await until(lambda: all_followed(app.pid), "every thread is followed", 60)
        followed = time.monotonic() - began
        began = time.monotonic()
        await asyncio.to_thread(app.communicate, "\n", 60)
        ended = time.monotonic() - began
        told = sum(bool(traced.execs(f"one of many {n}")) for n in range(SPAWNING))
    return (
        f"\n{count} threads: all there and followed after {followed:.1f} s; {SPAWNING} of them ran a program and all "
        f"ended within {ended:.1f} s, {told} told with their arguments"
    )


async def one(number: signal.Signals) -> tuple[str, float, bool]:
    """What the app found, its longest turn in seconds, and whether the tracer was lost while it ran."""
    async with tracing(again=True) as traced:
        app = await traced.start(python(APP))
        tracer = tracer_of(app.pid)
        running = asyncio.create_task(asyncio.to_thread(app.communicate, "\n", 120))
        await asyncio.sleep(random.uniform(0.02, 0.6))
        os.kill(tracer, number)
        output, _ = await running
        if app.returncode == 0:
            await until(lambda: traced.lost, "the loss is told")
        return *split(output), bool(traced.lost)


def differences(expected: str, found: str) -> list[str]:
    """Which step of the app's turns had another result: five steps a turn, the results by their order."""
    pairs = enumerate(zip(expected.split(", "), found.split(", "), strict=True))
    return [f"  turn {n // STEPS}, step {n % STEPS}: {is_!r}, not {was!r}" for n, (was, is_) in pairs if is_ != was]


def split(output: str) -> tuple[str, float]:
    """What was found, and the longest turn."""
    found, longest = output.splitlines()
    return found, float(longest)
