"""From an event to its being stored: the sensor's own way out, into a real ingest that answers after its commit."""

import asyncio
import random
import statistics
import time
from typing import NamedTuple

from sensor.app.outlet import Outlet
from sensor.config.handover import Handover
from sensor.config.settings import Settings
from sensor.containers.names import ContainerNames
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.events import Detection, Event, Evidence, Sensor
from sensor.model.kinds import Kind


class Latency(NamedTuple):
    """Seconds."""

    p50: float
    p99: float
    worst: float


def latency(url: str, token: str, kind: Kind, times: int, apart: float) -> Latency:
    """So many events one by one, each up to `apart` seconds after the one before was stored."""
    return asyncio.run(_latency(url, token, kind, times, apart))


async def _latency(url: str, token: str, kind: Kind, times: int, apart: float) -> Latency:
    counters, clock = Counters(), SystemClock()
    names = ContainerNames(sensor=Sensor("latency", f"{time.time_ns()}", "0"), platform="docker")
    settings = Settings(ingest_url=url, ingest_token=token, daily_mb=0)
    outlet = Outlet(Handover(settings), header=names.header, counters=counters, clock=clock)
    await outlet.open()
    running = asyncio.create_task(outlet.run())
    found = []
    detection = Detection("rule", "title", "high") if kind is Kind.DETECTION else None
    for number in range(1, times + 1):
        begin = time.monotonic()
        outlet.put(Event(kind, clock.wall(), Evidence("bench"), detection=detection))
        while counters.seen["delivered"] < number:  # noqa: ASYNC110  # a counter tells nobody
            await asyncio.sleep(0.001)
        found.append(time.monotonic() - begin)
        await asyncio.sleep(random.uniform(0, apart))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await outlet.aclose()
    cuts = statistics.quantiles(found, n=100)
    return Latency(statistics.median(found), cuts[98], max(found))
