"""The way out: events are encoded once and handed to the delivery of every destination."""

import asyncio
import logging
from collections.abc import Callable

from sensor.config.handover import Handover, View
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import DestinationGone, WrongConfiguration
from sensor.model.events import Event, Header
from sensor.model.protocols import Shipper
from sensor.pipeline.batch import SealWhen
from sensor.pipeline.delivery import Delivery
from sensor.pipeline.encode import Encoder
from sensor.pipeline.links import Links
from shippers import registry

log = logging.getLogger(__name__)


class Outlet:
    """`put` events, `run` the deliveries in a task, `flush` at the end."""

    def __init__(self, handover: Handover, *, header: Callable[[], Header], counters: Counters, clock: Clock) -> None:
        settings = handover.settings
        self._encoder = Encoder(counters)
        self._links = Links(header)
        self._gone = False
        self._deliveries = [
            Delivery(
                made,
                header=header,
                counters=counters,
                clock=clock,
                max_bytes=settings.spool_bytes // len(settings.destinations),
                seal_when=SealWhen(settings.batch_events, settings.batch_bytes, settings.batch_age),
            )
            for made in _shippers(handover, clock)
        ]

    def put(self, event: Event) -> None:
        """Encode the event and queue it everywhere."""
        event = self._links.resolve(event)
        if (encoded := self._encoder.encode(event)) is not None:
            self._links.told(event._replace(lane=encoded.lane, seq=encoded.seq))
            for delivery in self._deliveries:
                delivery.put(encoded)

    async def run(self) -> bool:
        """Deliver until cancelled or flushed; False when a destination is gone for good, such as a closed pipe."""
        try:
            await asyncio.gather(*(delivery.run() for delivery in self._deliveries))
        except DestinationGone as error:
            log.info("%s", error)
            self._gone = True
            return False
        return True

    async def flush(self, deadline: float) -> None:
        """Deliver what is left, each destination within the deadline in seconds."""
        if self._gone:
            return
        delivered = await asyncio.gather(*(delivery.flush(deadline) for delivery in self._deliveries))
        if not all(delivered):
            log.warning("not everything could be delivered within %g s", deadline)

    async def aclose(self) -> None:
        """Release the destinations."""
        for delivery in self._deliveries:
            await delivery.aclose()


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
