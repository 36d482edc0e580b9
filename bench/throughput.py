"""How many events a second go through enrichment, batches, spool and HTTP on one core, without collectors.

The events are those of a capture, again and again, each time as other processes. The far end is a process of its own
that takes everything. Time is that of this process on the CPU, which is what one core would have to give. It is run by
the Python of the sensor's image, with the code that the image has: `python throughput.py < events.json`.
"""

import asyncio
import json
import multiprocessing
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from sensor.app.outlet import Outlet
from sensor.config.handover import Handover
from sensor.config.settings import Settings
from sensor.containers.names import ContainerNames
from sensor.enrich.enricher import Enricher
from sensor.model.clock import SystemClock
from sensor.model.codec import event_from_json
from sensor.model.counters import Counters
from sensor.model.events import Ancestor, Event, Missing, Process, Sensor

TIMES = 50_000
RUNS = 5


class Speed(NamedTuple):
    """Events in, seconds on the CPU, and what arrived."""

    events: int
    cpu_s: float
    delivered: int


class _Taker(BaseHTTPRequestHandler):
    """Takes every batch."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _take(report: Connection) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Taker)
    report.send(server.server_port)
    server.serve_forever()


class Processes:
    """A view of a task in which everything has settled."""

    def __init__(self, chain: tuple[Ancestor, ...]) -> None:
        self._chain = chain

    def settled(self, *_: object) -> bool:
        return True

    def current(self, *_: object) -> Process | None:
        return None

    def missing(self, *_: object) -> tuple[Missing, ...]:
        return ()

    def ancestors(self, *_: object) -> tuple[Ancestor, ...]:
        return self._chain

    def container_of(self, *_: object) -> str | None:
        return None


def emitted(events: Sequence[Event], times: int) -> Iterator[Event]:
    """The events as collectors would emit them: without ancestors, each round as other processes."""
    for number in range(times):
        event = events[number % len(events)]
        if event.process is not None:
            entity = f"{event.process.entity[:16]}{number // len(events):08x}"
            event = event._replace(process=event.process._replace(entity=entity, ancestors=()))
        yield event


class Source:
    """Hands the events out as the queue does: fresh, a few at a time, and the loop's other tasks get their turn.

    `made_s` is what making them took, which is the collectors' share and not counted.
    """

    def __init__(self, events: Sequence[Event], times: int) -> None:
        self._emitted = emitted(events, times)
        self.made_s = 0.0

    async def __aiter__(self) -> AsyncIterator[list[Event]]:
        while fresh := self._fresh():
            yield fresh
            await asyncio.sleep(0)

    def _fresh(self) -> list[Event]:
        begin = time.process_time()
        fresh = list(islice(self._emitted, 32))
        self.made_s += time.process_time() - begin
        return fresh


async def _through(events: Sequence[Event], times: int, url: str, directory: str | None) -> Speed:
    settings = Settings(
        ingest_url=url, ingest_token="bench", daily_mb=0, spool_dir=directory, spool_bytes=64 * 1024 * 1024
    )
    counters, clock = Counters(), SystemClock()
    names = ContainerNames(sensor=Sensor("bench", "epoch", "0"), platform="docker")
    import shippers.ingest_http  # noqa: F401  # loaded before the clock runs, as at a sensor's start

    outlet = Outlet(Handover(settings), header=names.header, counters=counters, clock=clock)
    await outlet.open()
    chain = max((e.process.ancestors for e in events if e.process), key=len, default=())
    enricher = Enricher(task=Processes(chain), names=names, counters=counters, clock=clock)
    delivering = asyncio.create_task(outlet.run())
    source = Source(events, times)
    begin = time.process_time()
    await enricher.run(source, outlet.put)
    await outlet.flush(60)
    cpu = time.process_time() - begin - source.made_s
    delivering.cancel()
    await outlet.aclose()
    return Speed(times, cpu, counters.seen["delivered"])


def _measure(events: Sequence[Event], *, on_disk: bool) -> Speed:
    """Send so many events through."""
    near, far = multiprocessing.Pipe()
    taker = multiprocessing.get_context("fork").Process(target=_take, args=(far,), daemon=True)
    taker.start()
    try:
        with TemporaryDirectory() as directory:
            url = f"http://127.0.0.1:{near.recv()}"
            return asyncio.run(_through(events, TIMES, url, str(Path(directory)) if on_disk else None))
    finally:
        taker.terminate()
        taker.join()


def main() -> None:
    """Print a list of `Speed` for each kind of spool, as JSON. In turn, so that a slow minute meets both."""
    events = [event_from_json(event) for event in json.load(sys.stdin)]
    turns = [[_measure(events, on_disk=on_disk) for on_disk in (False, True)] for _ in range(RUNS)]
    json.dump(dict(zip(("in memory", "on disk"), zip(*turns, strict=True), strict=True)), sys.stdout)


if __name__ == "__main__":
    main()
