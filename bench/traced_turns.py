"""What tracing takes from a server that spawns nothing: the sensor's own tracer follows it and lets it go in turns,
under the same load, so that what differs is tracing alone."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from docker_cli import Container, docker, wait_for
from pairs import ratios
from tables import table
from trace_scene import all_followed

from collectors import helper_launcher
from collectors.helpers import Helpers
from collectors.procfs import Procfs
from collectors.trace_watchdog import LOOK_S, Watchdog
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters

PAIRS = 60
HEAD = ("load", "a second, let go", "followed", "times let go, median", "of pairs", "stops", "tracer's CPU, a turn")

Load = Callable[[], float]


class Turn(NamedTuple):
    """One turn: what the server answered a second, and what the tracer did meanwhile."""

    rate: float
    stops: int = 0
    cpu_s: float = 0.0


def in_turns(server: Container, loads: Mapping[str, Load]) -> str:
    """A table with a row for each load, which is made once by a call and gives answers a second."""
    helpers = Helpers(helper_launcher.start(), Counters())
    pids = [int(pid) for pid in docker("top", server.id, "-eo", "pid").split()[1:]]
    try:
        rows = [_row(name, *_turns(helpers, pids, load)) for name, load in loads.items()]
    finally:
        helpers.close()
    return table(HEAD, rows)


def _row(name: str, free: Sequence[Turn], followed: Sequence[Turn]) -> tuple[str, ...]:
    rates = [[turn.rate for turn in turns] for turns in (free, followed)]
    middle, least, most = ratios(rates[1], rates[0])
    stops = sum(turn.stops for turn in followed)
    used = f"{1000 * median(turn.cpu_s for turn in followed):.1f} ms"
    medians = (f"{median(one):.0f}" for one in rates)
    return name, *medians, f"{middle:.4f}", f"{least:.4f} to {most:.4f}", str(stops), used


def _turns(helpers: Helpers, pids: Sequence[int], load: Load) -> tuple[list[Turn], list[Turn]]:
    free, followed = [], []
    for number in range(PAIRS):
        if number % 2:
            free.append(Turn(load()))
        with following(helpers, pids) as tracer:
            before = tracer()
            rate = load()
            after = tracer()
        followed.append(Turn(rate, after.stops - before.stops, after.cpu_s - before.cpu_s))
        if not number % 2:
            free.append(Turn(load()))
    return free, followed


@contextmanager
def following(helpers: Helpers, pids: Sequence[int]) -> Iterator[Callable[[], Turn]]:
    """The sensor's tracer follows so long, asked for its pulse as the sensor does; a call tells what it has done."""
    link = helpers.start_tracer()
    over = threading.Event()
    watchdog = Watchdog(link, SystemClock())

    def ask() -> None:
        while not over.wait(LOOK_S):
            watchdog.look()

    asking = threading.Thread(target=ask)
    for pid in pids:
        link.attach(pid, Procfs().stat(pid).start_ticks)
    asking.start()
    try:
        wait_for("the server is followed", lambda: all(map(all_followed, pids)))
        tracer = Procfs().tracer(pids[0])
        yield lambda: Turn(0, watchdog.last.stops, on_core(tracer))
    finally:
        over.set()
        asking.join()
        link.kill()
        link.close()
        wait_for("the server is let go", lambda: not any(map(all_followed, pids)))


def on_core(pid: int) -> float:
    """Seconds of its one thread on a core (schedstat)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
