"""How long the webhook takes to answer, over TLS, at a steady rate of reviews: what a client waits for.

The API server keeps connections open; so does this client. A review that is late in being sent, because the ones before
it were slow, is counted from when it should have been sent. The pods are those of the tests.
"""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import httpx
from host import host
from pods import INJECTED, LEFT_ALONE
from webhook_process import Running, review, running

BAR_MS = 100.0
CONNECTIONS = 8
WARM_UP = 50


async def load(webhook: Running, rate: float, seconds: float) -> list[float]:
    """Milliseconds for each review, from when it was due."""
    pods = [*INJECTED.values(), *(pod for pod, _ in LEFT_ALONE.values())]
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncClient(
        base_url=webhook.url, verify=webhook.trust, trust_env=False, timeout=30, limits=limits
    ) as client:

        async def ask(number: int, due: float) -> float:
            answer = await client.post("/mutate", json=review(pods[number % len(pods)], f"u-{number}"))
            took = (time.perf_counter() - due) * 1000
            if answer.json()["response"]["uid"] != f"u-{number}":
                raise AssertionError(f"review {number} was answered with {answer.text[:200]}")
            return took

        for number in range(WARM_UP):
            await ask(number, time.perf_counter())
        begin, asking = time.perf_counter(), []
        for number in range(round(rate * seconds)):
            due = begin + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            asking.append(asyncio.create_task(ask(number, due)))
        return await asyncio.gather(*asking)


def cost(pid: int) -> tuple[float, float]:
    """Seconds of CPU that a process has used, and MB of memory that are its own (PSS)."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    pss = Path(f"/proc/{pid}/smaps_rollup").read_text().partition("\nPss:")[2].split()[0]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), int(pss) / 1000


def main() -> int:
    """Measure and print; 1 where the bar is missed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=float, default=50, help="reviews a second (50)")
    arguments.add_argument("--seconds", type=float, default=60, help="how long (60)")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory, running(Path(directory)) as webhook:
        before, _ = cost(webhook.process.pid)
        times = sorted(asyncio.run(load(webhook, given.rate, given.seconds)))
        after, memory = cost(webhook.process.pid)
    at = {share: times[min(len(times) - 1, int(len(times) * share))] for share in (0.5, 0.99)}
    print(f"{host()}, Python {platform.python_version()}")
    print(f"{len(times)} reviews at {given.rate:g} a second over {CONNECTIONS} TLS connections on loopback")
    print(f"p50 {at[0.5]:.1f} ms, p99 {at[0.99]:.1f} ms (bar: {BAR_MS:g} ms), slowest {times[-1]:.1f} ms")
    print(f"webhook: {(after - before) / given.seconds:.1%} of a core, {memory:.0f} MB")
    return 0 if at[0.99] <= BAR_MS else 1


if __name__ == "__main__":
    sys.exit(main())
