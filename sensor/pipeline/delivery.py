"""Delivery to one destination: push what is there, try again, give up honestly.

Each destination has a `Delivery` of its own, and reads the spool at its own pace, so that a slow one holds up nobody.
Its two lanes are served beside each other: an urgent event does not wait behind an ordinary request that takes its
time, nor for the end of its backoff. Records stay in the spool until the destination has taken or refused them, or the
sensor's time is up.
"""

import asyncio
from collections.abc import Collection, Sequence

from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import DeliveryError, DestinationGone, PermanentError, RetryableError
from sensor.model.kinds import Lane
from sensor.model.protocols import Shipper
from sensor.pipeline.backoff import Backoff, Pause, pause
from sensor.pipeline.outbox import Outbox, Sending
from sensor.pipeline.spool.spool import Left, Spool
from sensor.pipeline.unseal import Unseal, unsealer
from sensor.telemetry.trouble import Trouble

MOST_FAULTS = 5
"""Errors of a lane in a row that nobody foresaw, after which the records that meet them count as refused and block no
others."""

NO_THREAD = "can't start new thread"
"""Python's words at a pids limit, in a RuntimeError: resolving a name takes a thread, and some destinations do."""

LAST_WAIT_S = 0.1
"""The shortest wait that the end of the sensor's time forces on a retry."""

LEAST_ATTEMPT_S = 1.0
"""While stopping, an attempt may take half of the time that is left, and no less than this where there is as much."""


class Delivery:
    """`run` in a task, `flush` at the end, `aclose`.

    Counts `batches` (requests that were taken), `delivered` (events), `shipped_bytes` and `retries`, at the end
    `left_in_spool` (events that the next start finds on disk); and as lost `record_too_large`, `refused` and
    `undelivered_at_stop`.
    """

    def __init__(
        self,
        shipper: Shipper,
        *,
        spool: Spool,
        counters: Counters,
        clock: Clock,
        unseal: Unseal | None = None,
        backoff: Backoff | None = None,
        pause: Pause = pause,
    ) -> None:
        self._shipper = shipper
        self._counters = counters
        self._clock = clock
        self._spool = spool
        unseal = unseal or unsealer(shipper.encoding, counters, record_bytes=shipper.limits.record_bytes)
        self._outboxes = {
            lane: Outbox(shipper.name, lane, spool=spool, unseal=unseal, limits=shipper.limits, counters=counters)
            for lane in Lane
        }
        self._backoffs = {lane: backoff or Backoff() for lane in Lane}
        self._pause = pause
        self._trouble = Trouble(f"delivery to {shipper.name} fails and will be tried again", clock)
        self._refusals = Trouble(f"{shipper.name} refuses events, which are lost", clock)
        self._opening = asyncio.Lock()
        self._opened = False
        self._faults = dict.fromkeys(Lane, 0)
        self._not_before = clock.monotonic()
        self._turns = {lane: asyncio.Lock() for lane in Lane}
        self._attempts: dict[Lane, asyncio.Timeout] = {}
        self._wakes = {lane: spool.wake(shipper.name, lane) for lane in Lane}
        self._stopping = asyncio.Event()
        self._deadline: float | None = None

    @property
    def name(self) -> str:
        """The destination's."""
        return self._shipper.name

    async def run(self) -> None:
        """Deliver until cancelled, or until `flush` takes over. Raises `DestinationGone`: there is no more use."""
        lanes = [asyncio.ensure_future(self._run(lane)) for lane in Lane]
        try:
            await asyncio.gather(*lanes)
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)

    async def flush(self, deadline_seconds: float) -> bool:
        """Deliver all that is left; whether that succeeded in time. The rest is counted, and not sent any more.

        Takes over from `run`, which returns after the requests that it is in. Cancel `run` afterwards, not before:
        a request that was cut off is made again. So is one that takes more than half of the time that is left, be it
        under way already, so that a connection that hangs does not cost what waits behind it. May be called again for
        what was appended since.
        """
        self._deadline = self._clock.monotonic() + deadline_seconds
        self._stopping.set()
        for attempt in self._attempts.values():
            if attempt.when() is None:
                attempt.reschedule(asyncio.get_running_loop().time() + self._attempt_s(deadline_seconds))
        for lane in Lane:
            self._wakes[lane].set()
            self._backoffs[lane].reset()
        try:
            async with asyncio.timeout(deadline_seconds):
                await asyncio.gather(*(self._drain(lane) for lane in Lane))
        except (TimeoutError, DestinationGone):
            return not self._give_up()
        return True

    async def aclose(self) -> None:
        """Release the shipper's connections. Safe to call more than once."""
        await self._shipper.aclose()

    async def _run(self, lane: Lane) -> None:
        while not self._stopping.is_set():
            self._wakes[lane].clear()
            wait = self._outboxes[lane].due_in(self._clock.monotonic())
            if wait == 0:
                await self._step(lane)
            else:
                await self._pause(wait, self._wakes[lane])

    async def _drain(self, lane: Lane) -> None:
        while self._outboxes[lane].waiting():
            await self._step(lane)

    def _give_up(self) -> bool:
        """Whether anything was left."""
        left = [outbox.give_up() for outbox in self._outboxes.values()]
        lost, kept = (sum(part) for part in zip(*left, strict=True))
        if lost:
            self._counters.lost("undelivered_at_stop", lost)
        if kept:
            self._counters.add("left_in_spool", kept)
        return any(one != Left(0, 0) for one in left)

    async def _step(self, lane: Lane) -> None:
        """One request for the lane; after trouble, the wait before the next."""
        asked = self._not_before - self._clock.monotonic()
        if asked > 0 and self._deadline is None:
            await self._pause(asked, self._stopping)
        try:
            async with self._turns[lane]:
                await self._push_in_time(lane)
        except RetryableError as error:
            self._counters.add("retries")
            self._trouble.failed(str(error))
            seconds = self._backoffs[lane].next(error.retry_after)
            if error.retry_after is not None:
                self._not_before = self._clock.monotonic() + seconds
            await self._wait(seconds)

    async def _wait(self, seconds: float) -> None:
        """Back off until the stop begins; while stopping, no longer than leaves time to try again."""
        if self._deadline is None:
            await self._pause(seconds, self._stopping)
        else:
            half = (self._deadline - self._clock.monotonic()) / 2
            await self._pause(min(seconds, max(half, LAST_WAIT_S)), asyncio.Event())

    async def _push_in_time(self, lane: Lane) -> None:
        """What is cut off stays at the head of the lane; the centre knows a sealed batch that it has taken already."""
        left = None if self._deadline is None else self._deadline - self._clock.monotonic()
        try:
            async with asyncio.timeout(None if left is None else self._attempt_s(left)) as self._attempts[lane]:
                await self._push(lane)
        except TimeoutError:
            raise RetryableError("no answer in half of the time that the stop leaves") from None
        finally:
            del self._attempts[lane]

    def _attempt_s(self, left: float) -> float:
        return max(left / 2, LEAST_ATTEMPT_S)

    async def _push(self, lane: Lane) -> None:
        """Raises `RetryableError` when any of it has to be sent again."""
        await self._open()
        records = await self._outboxes[lane].request()
        if not records:
            return
        try:
            failed = await self._attempt(lane, records)
        except DestinationGone:
            raise
        except PermanentError as error:
            self._refused(lane, records, error)
        else:
            self._taken(lane, records, failed)

    async def _attempt(self, lane: Lane, records: Sequence[Sending]) -> frozenset[int]:
        """The indices of the records that failed. A fault in a shipper is trouble like any other, and ends nothing."""
        try:
            failed = await self._shipper.send([record.data for record in records])
        except DeliveryError:
            raise
        except (OSError, MemoryError) as error:
            raise RetryableError(_described(error)) from error
        except Exception as error:
            if str(error) == NO_THREAD:
                raise RetryableError(NO_THREAD) from error
            raise self._fault(lane, error) from error
        self._faults[lane] = 0
        return frozenset(failed).intersection(range(len(records)))

    def _fault(self, lane: Lane, error: Exception) -> DeliveryError:
        self._faults[lane] += 1
        if self._faults[lane] < MOST_FAULTS:
            return RetryableError(_described(error))
        self._faults[lane] = 0
        return PermanentError(_described(error))

    async def _open(self) -> None:
        """Until it works: nothing was refused yet, and what it lacks may come, as a file that is mounted late."""
        async with self._opening:
            if self._opened:
                return
            try:
                await self._shipper.open()
            except (DestinationGone, RetryableError):
                raise
            except Exception as error:
                raise RetryableError(_described(error)) from error
            self._opened = True

    def _taken(self, lane: Lane, records: Sequence[Sending], failed: Collection[int]) -> None:
        taken = self._outboxes[lane].settle(records, failed)
        if taken:
            self._counters.add("batches")
            self._counters.add("delivered", sum(record.events for record in taken))
            self._counters.add("shipped_bytes", sum(len(record.data) for record in taken))
            self._backoffs[lane].reset()
        if failed:
            raise RetryableError(f"{len(failed)} of {len(records)} records were not taken")
        self._trouble.mended(f"delivery to {self._shipper.name} works again")
        self._refusals.mended(f"{self._shipper.name} takes events again")

    def _refused(self, lane: Lane, records: Sequence[Sending], error: PermanentError) -> None:
        if refused := self._outboxes[lane].settle(records):
            self._counters.lost("refused", sum(record.events for record in refused))
        self._refusals.failed(str(error))
        self._backoffs[lane].reset()


def _described(error: Exception) -> str:
    return str(error) if isinstance(error, DeliveryError) else f"{type(error).__name__}: {error}"
