"""What the pipeline's tests share: time that flows at once, a shipper that does as it is told, events by number."""

import asyncio
import sys
from collections.abc import Iterable, Sequence

import msgpack
from fakes import FakeClock

from sensor.model.codec import batch_from_wire, to_wire
from sensor.model.counters import Counters
from sensor.model.events import Batch, Event, Evidence, Header, Sensor, Task, Timestamp
from sensor.model.kinds import Kind, Lane
from sensor.model.protocols import Encoding, Limits
from sensor.pipeline.batch import seal
from sensor.pipeline.encode import Encoded
from sensor.pipeline.unseal import unsealer

HEADER = Header(Sensor("s1", "epoch1", "1.0"), Task("docker"))
if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIB = 1024 * 1024
ONE_BATCH = Limits(records=1, record_bytes=MIB, request_bytes=4 * MIB)
LIMITS = Limits(records=500, record_bytes=MIB, request_bytes=4 * MIB)

Outcome = Exception | Sequence[int]


def event(kind: Kind = Kind.PROCESS_EXEC, source: str = "test") -> Event:
    return Event(kind, Timestamp(1_700_000_000_000_000_000), Evidence(source))


def encoded(seq: int, lane: Lane = Lane.ORDINARY, padding: int = 0) -> Encoded:
    """An event as the encoder would hand it on, `padding` bytes longer than the shortest."""
    kind = Kind.DETECTION if lane is Lane.URGENT else Kind.PROCESS_EXEC
    plain = to_wire(event(kind, "test" + "x" * padding)._replace(lane=lane, seq=seq))
    return Encoded(lane, seq, msgpack.packb(plain))


def alone(encoding: Encoding, header: Header, items: Iterable[Encoded]) -> list[bytes]:
    """Events of one lane as they travel alone, in JSON or OCSF."""
    return [record for record, _ in unsealer(encoding, Counters())(seal(header, list(items)))]


def plain_bytes(record: bytes) -> bytes:
    """A sealed batch before compression."""
    return zstd.decompress(record)


def unsealed(record: bytes) -> Batch:
    """What an ingest reads in a sealed batch."""
    return batch_from_wire(msgpack.unpackb(plain_bytes(record)))


class FakePause:
    """A `Pause` that lets the clock run instead of waiting, and keeps what it was asked for."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.seconds: list[float] = []

    async def __call__(self, seconds: float | None, until: asyncio.Event) -> None:
        if seconds is None:
            await until.wait()
            return
        self.seconds.append(seconds)
        if not until.is_set():
            self._clock.advance(seconds)
        await asyncio.sleep(0)


class FakeShipper:
    """Takes everything, unless told of other outcomes: an error to raise, or the indices that fail, call by call."""

    name = "fake"

    def __init__(
        self,
        *outcomes: Outcome,
        encoding: Encoding = Encoding.BATCH,
        limits: Limits | None = None,
        opening: Sequence[Exception] = (),
    ) -> None:
        self.encoding = encoding
        self.limits = limits or (ONE_BATCH if encoding is Encoding.BATCH else LIMITS)
        self.sent: list[tuple[bytes, ...]] = []
        self.opened = 0
        self.closed = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._outcomes = list(outcomes)
        self._opening = list(opening)

    async def open(self) -> None:
        if self._opening:
            raise self._opening.pop(0)
        self.opened += 1

    async def send(self, records: Sequence[bytes]) -> Sequence[int]:
        self.sent.append(tuple(records))
        outcome = self._outcomes.pop(0) if self._outcomes else ()
        await self.gate.wait()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def aclose(self) -> None:
        self.closed += 1
