"""Taking over the spool's directory at the start, and telling what the sensor before this one has lost."""

import asyncio
import logging
from typing import NamedTuple

from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.pipeline.spool.disk import Disk, Recovered
from sensor.pipeline.spool.marks import CLEAN, UNTOLD_BEYOND, Marks
from sensor.pipeline.spool.saver import Saver
from sensor.pipeline.spool.worker import Worker

PATIENCE_S = 5.0
"""How long the first events wait for a directory of which nothing is read; it is not used in this run then. A large one
takes longer in all: it would take as long at each start, and nobody would ever be told of what is in it."""

log = logging.getLogger(__name__)


class Opened(NamedTuple):
    """A directory that is held, and what was in it."""

    saver: Saver
    found: Recovered


async def open_directory(
    parent: str, worker: Worker, *, clock: Clock, counters: Counters, patience: float = PATIENCE_S
) -> Opened | None:
    """Take hold of the spool below `parent`; None, told in the log, where that cannot be done."""
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    opening = _Opening(parent)
    worker.submit(opening, lambda found: _answered(answer, found))
    try:
        found = await _while_it_goes_on(opening, answer, patience)
    except TimeoutError:
        found = TimeoutError(f"{parent} does not answer within {patience:g} s")
    if not isinstance(found, tuple):
        log.warning("the spool directory cannot be used, events are kept in memory: %s", found)
        return None
    disk, recovered = found
    _tell(recovered, counters)
    return Opened(Saver(disk, worker, clock, _handed_on(recovered)), recovered)


class _Opening:
    """The work of the disk's thread; `files` have been read so far."""

    def __init__(self, parent: str) -> None:
        self._parent = parent
        self.files = 0

    def __call__(self) -> tuple[Disk, Recovered]:
        disk = Disk(self._parent)
        try:
            return disk, disk.recover(self._looked)
        except OSError:
            disk.close()
            raise

    def _looked(self) -> None:
        self.files += 1


async def _while_it_goes_on(opening: _Opening, answer: asyncio.Future[object], patience: float) -> object:
    """The answer. Raises TimeoutError, and gives it up, once no file was read for so many seconds."""
    files = -1
    try:
        while opening.files > files:
            files = opening.files
            done, _ = await asyncio.wait({answer}, timeout=patience)
            if done:
                return answer.result()
    finally:
        answer.cancel()
    raise TimeoutError


def _answered(answer: asyncio.Future[object], found: object) -> None:
    """Hand it on; what comes too late is let go of."""
    if not answer.done():
        answer.set_result(found)
    elif isinstance(found, tuple):
        found[0].close()


def _tell(found: Recovered, counters: Counters) -> None:
    events = sum(sum(segment.counts) for segment in found.segments)
    if events:
        log.info("spool: %d events of an earlier run are delivered now, unless they were taken already", events)
    if found.torn:
        log.warning("spool: a torn end was cut off: %d bytes", found.torn)
    if found.corrupt:
        log.warning("spool: %d damaged places passed over", found.corrupt)
        counters.lost("spool_corrupt", max(found.corrupt, found.corrupt_events))
    if found.marks is not None:
        _tell_of_kill(found.marks, counters)
    elif found.segments:
        counters.lost("killed_unbounded")


def _handed_on(found: Recovered) -> Marks:
    """What is in the counters now and would be forgotten if this sensor too were killed."""
    if found.marks is not None:
        return found.marks.handed_on()
    return Marks(flags=UNTOLD_BEYOND if found.segments else 0)


def _tell_of_kill(marks: Marks, counters: Counters) -> None:
    if marks.flags & CLEAN:
        return
    unspooled = marks.unspooled()
    log.warning("the sensor before this one was killed: at most %d numbered events were not spooled", unspooled)
    if unspooled:
        counters.lost("killed", unspooled)
    counters.lost("killed_unnumbered")
    if marks.are_beyond():
        counters.lost("killed_unbounded")
