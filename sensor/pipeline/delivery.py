"""Delivery to one destination: push what is due, try again, give up honestly.

Each destination has a `Delivery` of its own, with its own lanes, so that a slow one holds up nobody; the bytes of an
event are shared between them. Records stay in the outbox until the destination has taken or refused them, or the
sensor's time is up.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence

from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import DeliveryError, DestinationGone, PermanentError, RetryableError
from sensor.model.events import Header
from sensor.model.kinds import Lane
from sensor.model.protocols import Shipper
from sensor.pipeline.backoff import Backoff, Pause, pause
from sensor.pipeline.batch import Sealed, SealWhen, sealer
from sensor.pipeline.encode import Encoded
from sensor.pipeline.lanes import Lanes
from sensor.pipeline.outbox import Outbox
from sensor.telemetry.trouble import Trouble

MOST_FAULTS = 5
"""Errors in a row that nobody foresaw, after which the records that meet them count as refused and block no others."""

LAST_WAIT_S = 0.1
"""The shortest wait that the end of the sensor's time forces on a retry."""


class Delivery:
    """`put` events in, `run` in a task, `flush` at the end, `aclose`.

    Counts `batches` (requests that were taken), `delivered` (events), `shipped_bytes` and `retries`; and as lost
    `spool_full`, `record_too_large`, `refused` and `undelivered_at_stop`.
    """

    def __init__(
        self,
        shipper: Shipper,
        *,
        header: Callable[[], Header],
        counters: Counters,
        clock: Clock,
        max_bytes: int,
        seal_when: SealWhen | None = None,
        backoff: Backoff | None = None,
        pause: Pause = pause,
    ) -> None:
        self._shipper = shipper
        self._counters = counters
        self._clock = clock
        self._outbox = Outbox(
            lanes=Lanes(max_bytes=max_bytes, counters=counters),
            seal=sealer(shipper.encoding, header, counters, shipper.limits.record_bytes),
            when=seal_when or SealWhen(),
            limits=shipper.limits,
            counters=counters,
            clock=clock,
        )
        self._backoff = backoff or Backoff()
        self._pause = pause
        self._trouble = Trouble(f"delivery to {shipper.name} fails and will be tried again", clock)
        self._refusals = Trouble(f"{shipper.name} refuses events, which are lost", clock)
        self._opened = False
        self._faults = 0
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._deadline: float | None = None

    def put(self, item: Encoded) -> None:
        """Take an event; it or older ones are counted as lost where there is no room."""
        idle = self._outbox.due_in(item.lane) is None
        self._outbox.put(item)
        if idle or self._outbox.due_in(item.lane) == 0:
            self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled, or until `flush` takes over. Raises `DestinationGone`: there is no more use."""
        while not self._stopping.is_set():
            waits = {lane: wait for lane in Lane if (wait := self._outbox.due_in(lane)) is not None}
            due = next((lane for lane, wait in waits.items() if wait == 0), None)
            if due is not None:
                await self._step(due)
            else:
                self._wake.clear()
                await self._pause(min(waits.values(), default=None), self._wake)

    async def flush(self, deadline_seconds: float) -> bool:
        """Deliver all that is left; whether that succeeded in time. The rest is counted as `undelivered_at_stop`.

        Takes over from `run`, which returns after the request that it is in. Cancel `run` afterwards, not before:
        a request that was cut off is made again.
        """
        self._deadline = self._clock.monotonic() + deadline_seconds
        self._stopping.set()
        self._wake.set()
        self._backoff.reset()
        try:
            async with asyncio.timeout(deadline_seconds):
                while (lane := self._outbox.unsent()) is not None:
                    await self._step(lane)
        except (TimeoutError, DestinationGone):
            if left := self._outbox.clear():
                self._counters.lost("undelivered_at_stop", left)
                return False
        return True

    async def aclose(self) -> None:
        """Release the shipper's connections. Safe to call more than once."""
        await self._shipper.aclose()

    async def _step(self, lane: Lane) -> None:
        """One request for the lane; after trouble, the wait before the next."""
        try:
            async with self._turn:
                await self._push(lane)
        except RetryableError as error:
            self._counters.add("retries")
            self._trouble.failed(str(error))
            await self._wait(self._backoff.next(error.retry_after))

    async def _wait(self, seconds: float) -> None:
        """Back off until the stop begins; while stopping, no longer than leaves time to try again."""
        if self._deadline is None:
            await self._pause(seconds, self._stopping)
        else:
            half = (self._deadline - self._clock.monotonic()) / 2
            await self._pause(min(seconds, max(half, LAST_WAIT_S)), asyncio.Event())

    async def _push(self, lane: Lane) -> None:
        """Raises `RetryableError` when any of it has to be sent again."""
        await self._open()
        records = self._outbox.records(lane)
        if not records:
            return
        try:
            failed = await self._attempt(records)
        except DestinationGone:
            raise
        except PermanentError as error:
            self._refused(lane, records, error)
        else:
            self._taken(lane, records, failed)

    async def _attempt(self, records: Sequence[Sealed]) -> frozenset[int]:
        """The indices of the records that failed. A fault in a shipper is trouble like any other, and ends nothing."""
        try:
            failed = await self._shipper.send([record.data for record in records])
        except DeliveryError:
            raise
        except OSError as error:
            raise RetryableError(_described(error)) from error
        except Exception as error:
            raise self._fault(error) from error
        self._faults = 0
        return frozenset(failed).intersection(range(len(records)))

    def _fault(self, error: Exception) -> DeliveryError:
        self._faults += 1
        if self._faults < MOST_FAULTS:
            return RetryableError(_described(error))
        self._faults = 0
        return PermanentError(_described(error))

    async def _open(self) -> None:
        """Until it works: nothing was refused yet, and what it lacks may come, as a file that is mounted late."""
        if self._opened:
            return
        try:
            await self._shipper.open()
        except (DestinationGone, RetryableError):
            raise
        except Exception as error:
            raise RetryableError(_described(error)) from error
        self._opened = True

    def _taken(self, lane: Lane, records: Sequence[Sealed], failed: Collection[int]) -> None:
        taken = self._outbox.settle(lane, records, failed)
        if taken:
            self._counters.add("batches")
            self._counters.add("delivered", sum(record.count for record in taken))
            self._counters.add("shipped_bytes", sum(len(record.data) for record in taken))
            self._backoff.reset()
        if failed:
            raise RetryableError(f"{len(failed)} of {len(records)} records were not taken")
        self._trouble.mended(f"delivery to {self._shipper.name} works again")
        self._refusals.mended(f"{self._shipper.name} takes events again")

    def _refused(self, lane: Lane, records: Sequence[Sealed], error: PermanentError) -> None:
        if refused := self._outbox.settle(lane, records):
            self._counters.lost("refused", sum(record.count for record in refused))
        self._refusals.failed(str(error))
        self._backoff.reset()


def _described(error: Exception) -> str:
    return str(error) if isinstance(error, DeliveryError) else f"{type(error).__name__}: {error}"
