"""The way out: filtered, within the budget, encoded and sealed once, spooled, and delivered to every destination."""

import asyncio
import logging
from collections.abc import Callable

from sensor.config.handover import Handover, View
from sensor.model.clock import Clock, Timer
from sensor.model.counters import Counters
from sensor.model.errors import DestinationGone, WrongConfiguration
from sensor.model.events import Event, Header
from sensor.model.identity import event_id
from sensor.model.kinds import Kind
from sensor.model.protocols import Encoding, Shipper
from sensor.model.resolution import Resolution, Step
from sensor.pipeline.batch import Sealed, SealWhen
from sensor.pipeline.batcher import Batcher
from sensor.pipeline.budget import Budget
from sensor.pipeline.coarse_fold import CoarseFold
from sensor.pipeline.delivery import Delivery
from sensor.pipeline.encode import Encoder
from sensor.pipeline.filters import Filters
from sensor.pipeline.links import Links
from sensor.pipeline.spool.opening import open_directory
from sensor.pipeline.spool.spool import Spool
from sensor.pipeline.spool.worker import DiskThread
from sensor.pipeline.unseal import unsealer
from shippers import registry

BRIEF = frozenset(
    {
        Kind.DETECTION,
        Kind.POSTURE,
        Kind.SENSOR_START,
        Kind.SENSOR_HEARTBEAT,
        Kind.SENSOR_LOSS,
        Kind.SENSOR_STOP,
    }
)
"""What `stdout` is for in a deployed sensor: a log that people pay for by the byte."""

MB = 1_000_000
LESS = 8
"""What queues and spool hold is divided by this while memory is short."""
CLOSE_S = 1.0
"""How long the end waits for a disk."""

log = logging.getLogger(__name__)


class Outlet:
    """`open` first; then `put` events, `run` the deliveries in a task, `flush` at the end."""

    def __init__(
        self,
        handover: Handover,
        *,
        header: Callable[[], Header],
        counters: Counters,
        clock: Clock,
        resolution: Resolution | None = None,
    ) -> None:
        settings = handover.settings
        self._handover = handover
        self._settings = settings
        self._sensor = header().sensor  # for life, unlike what is known of the task
        self._counters = counters
        self._clock = clock
        self._resolution = resolution or Resolution()
        self.budget = Budget(settings.daily_mb * MB if handover.view is View.NONE else 0, clock, counters)
        self._encoder = Encoder(counters)
        self._links = Links()
        self._filters = Filters(settings, counters)
        self._fold = CoarseFold(wanted=self._folds_harder, release=self._admit, counters=counters, later=call_later)
        shippers = _shippers(handover, clock)
        self._spool = Spool(
            [shipper.name for shipper in shippers],
            memory_bytes=settings.spool_bytes,
            counters=counters,
            later=call_later,
        )
        when = SealWhen(settings.batch_events, _batch_bytes(settings.batch_bytes, shippers), settings.batch_age)
        self._batcher = Batcher(header=header, out=self._sealed, clock=clock, later=call_later, when=when)
        self._deliveries = [self._delivery(shipper) for shipper in shippers]
        self._wanted = BRIEF if all(self._is_brief(shipper) for shipper in shippers) else None
        self._going = set(self._deliveries)
        self._disk_thread: DiskThread | None = None

    async def open(self) -> None:
        """Take over the spool's directory, if one is set; done without where it is not usable, which is told.

        What waits there is for a sensor's destinations, and no view of what happens now. A parked sensor may lack some
        of them by a mistake, and leaves it to the next one: it would let go of what nobody it knows of wants.
        """
        if self._settings.spool_dir is None or self._handover.view is not View.NONE or self._handover.parked:
            return
        try:
            self._disk_thread = DiskThread()
        except RuntimeError as error:  # a pids limit
            log.warning("the spool directory cannot be used, events are kept in memory: %s", error)
            return
        opened = await open_directory(
            self._settings.spool_dir,
            self._disk_thread,
            clock=self._clock,
            counters=self._counters,
        )
        if opened is not None:
            self._spool.adopt(opened.saver, self._settings.spool_disk_bytes, opened.found)

    def put(self, event: Event) -> None:
        """Send the event everywhere, unless it is filtered or given up. What it led to has been detected before."""
        if self._filters.drop(event):
            return
        if event.kind is Kind.FILE_OPEN and self._resolution.gives_up(Step.FILE_OPENS):
            self._counters.lost("given_up", event.count)
            return
        self._fold.put(event)

    def keep_less(self, less: bool) -> None:
        """Whether memory is short: then an eighth of the spool is there for what is not urgent."""
        self._spool.limit(self._settings.spool_bytes // LESS if less else self._settings.spool_bytes)

    async def run(self) -> bool:
        """Deliver until cancelled or flushed; False when every destination is gone for good, such as a closed pipe."""
        await asyncio.gather(*(self._run(delivery) for delivery in self._deliveries))
        return bool(self._going) or not self._deliveries

    async def flush(self, deadline: float) -> None:
        """Deliver what is left, each destination within the deadline in seconds."""
        self._fold.flush()
        self._batcher.flush()
        delivered = await asyncio.gather(*(delivery.flush(deadline) for delivery in self._going))
        if not all(delivered):
            log.warning("not everything could be delivered within %.1f s", deadline)

    async def aclose(self) -> None:
        """Release the destinations and the disk."""
        await self._spool.aclose(CLOSE_S)
        if self._disk_thread is not None:
            self._disk_thread.close()
        for delivery in self._deliveries:
            await delivery.aclose()

    def _folds_harder(self) -> bool:
        return self.budget.folds() or self._resolution.gives_up(Step.FOLDING)

    def _admit(self, event: Event) -> None:
        """Number, encode and batch the event, unless nobody wants it or the budget does not allow it."""
        if self._wanted is not None and event.kind not in self._wanted:
            self._counters.add("unwanted", event.count)
            return
        if not self.budget.admits(event):
            return
        event = self._links.resolve(event)
        if (encoded := self._encoder.encode(event)) is not None:
            self._links.told(event, event_id(self._sensor, encoded.lane, encoded.seq))
            self._spool.numbered(encoded.lane, encoded.seq)
            if event.kind is Kind.SENSOR_START:
                self._spool.reports(encoded.seq)
            self._batcher.put(encoded)

    def _sealed(self, sealed: Sealed) -> None:
        self.budget.spent(len(sealed.data), sealed.count)
        self._spool.append(sealed)

    async def _run(self, delivery: Delivery) -> None:
        try:
            await delivery.run()
        except DestinationGone as error:
            # A person who ends a view knows; whoever reads a deployed sensor's log may wonder for days.
            level = logging.WARNING if self._handover.view is View.NONE else logging.INFO
            log.log(level, "%s is gone, and nothing is sent there any more: %s", delivery.name, error)
            self._going.discard(delivery)
            self._spool.leave(delivery.name)

    def _is_brief(self, shipper: Shipper) -> bool:
        return shipper.name == "stdout" and self._handover.view is View.NONE and not self._settings.stdout_all

    def _delivery(self, shipper: Shipper) -> Delivery:
        return Delivery(
            shipper,
            spool=self._spool,
            counters=self._counters,
            clock=self._clock,
            unseal=unsealer(
                shipper.encoding,
                self._counters,
                BRIEF if self._is_brief(shipper) else None,
                shipper.limits.record_bytes,
            ),
        )


def call_later(seconds: float, call: Callable[[], None]) -> Timer:
    """By the loop that runs then: whoever is given this is made before it does."""
    return asyncio.get_running_loop().call_later(seconds, call)


def _batch_bytes(wanted: int, shippers: list[Shipper]) -> int:
    """No more than the destination carries that takes whole batches."""
    return min([wanted, *(s.limits.record_bytes for s in shippers if s.encoding is Encoding.BATCH)])


def _shippers(handover: Handover, clock: Clock) -> list[Shipper]:
    """A shipper for each destination; parked, only for those that the settings suffice for."""
    if handover.view in (View.PERSON, View.PERSON_ALL):
        return [_view(handover.view)]
    found = []
    for name in handover.settings.destinations:
        try:
            found.append(registry.make(name, handover.settings, clock))
        except WrongConfiguration as error:
            if not handover.parked:
                raise
            log.warning("%s cannot be told: %s", name, error)
    return found


def _view(view: View) -> Shipper:
    from sensor.watch.view import for_terminal
    from shippers.stdout import Stdout

    return Stdout(render=for_terminal(1, everything=view is View.PERSON_ALL))
