"""A disk for the spool that does as it is told: at once, later, or not."""

from collections.abc import Callable
from pathlib import Path

from fakes import FakeClock
from fakes_pipeline import HEADER, encoded

from sensor.model.counters import Counters
from sensor.model.kinds import Lane
from sensor.pipeline.batch import Sealed, seal
from sensor.pipeline.spool.opening import open_directory
from sensor.pipeline.spool.spool import Spool
from sensor.pipeline.spool.worker import Done, Work
from tests.fakes_timers import FakeTimers

URGENT, ORDINARY = Lane.URGENT, Lane.ORDINARY
KIB = 1024
MIB = 1024 * KIB


class FakeWorker:
    """Does the work when it is handed in, or, while `held`, when it is let go. `fault` is raised instead of working.

    `jobs` counts what was handed in.
    """

    def __init__(self) -> None:
        self.jobs = 0
        self.held = False
        self.fault: OSError | None = None
        self._jobs: list[tuple[Work, Done]] = []

    def submit(self, work: Work, done: Done) -> None:
        self.jobs += 1
        if self.held:
            self._jobs.append((work, done))
        else:
            self._do(work, done)

    def let_go(self) -> None:
        """Do all that has waited, in its order."""
        self.held = False
        while self._jobs:
            self._do(*self._jobs.pop(0))

    def _do(self, work: Work, done: Done) -> None:
        answer: object
        if self.fault is not None:
            done(self.fault)
            return
        try:
            answer = work()
        except OSError as error:
            answer = error
        done(answer)


class SpoolRig:
    """A spool for some destinations, on disk where `directory` is given; `again` is the sensor after a kill."""

    def __init__(
        self,
        directory: Path | None = None,
        *,
        names: tuple[str, ...] = ("a",),
        memory: int = MIB,
        disk: int = 16 * MIB,
    ) -> None:
        self.directory, self.names, self.memory, self.disk = directory, names, memory, disk
        self.counters = Counters()
        self.timers = FakeTimers()
        self.worker = FakeWorker()
        self.spool = Spool(names, memory_bytes=memory, counters=self.counters, later=self.timers.later)
        self.opened = False

    @property
    def clock(self) -> FakeClock:
        return self.timers.clock

    async def open(self) -> "SpoolRig":
        assert self.directory is not None
        opened = await open_directory(str(self.directory), self.worker, clock=self.clock, counters=self.counters)
        if opened is not None:
            self.spool.adopt(opened.saver, self.disk, opened.found)
            self.opened = True
            self.kill: Callable[[], None] = opened.saver._disk.close  # the kernel closes what a killed sensor held
        return self

    async def again(self, **changes: object) -> "SpoolRig":
        """What is written stays, all else is gone."""
        self.kill()
        given = {"names": self.names, "memory": self.memory, "disk": self.disk} | changes
        return await SpoolRig(self.directory, **given).open()  # type: ignore[arg-type]  # of the same names

    def put(self, *numbers: int, lane: Lane = ORDINARY, padding: int = 0) -> list[Sealed]:
        """A batch of one event for each number."""
        return [self.batch(seq, lane=lane, padding=padding) for seq in numbers]

    def batch(self, *numbers: int, lane: Lane = ORDINARY, padding: int = 0) -> Sealed:
        """One batch of these events, numbered before; its bytes are as good as incompressible."""
        for seq in numbers:
            self.spool.numbered(lane, seq)
        sealed = seal(HEADER, [encoded(seq, lane) for seq in numbers])
        sealed = sealed._replace(data=sealed.data + bytes(padding))
        self.spool.append(sealed)
        return sealed

    async def read(self, name: str = "a", lane: Lane = ORDINARY, most: int = 10**6) -> list[int]:
        """Read and acknowledge up to so many batches: the numbers of their first events."""
        found = []
        while len(found) < most and (record := await self.spool.read(name, lane)) is not None:
            found.append(record.sealed.first_seq)
            self.spool.acknowledge(name, lane, record.position + 1)
        return found

    def files(self) -> list[str]:
        """The segment files."""
        assert self.directory is not None
        below = self.directory / "fargate-sensor-spool"
        return sorted(path.name for path in below.iterdir() if path.suffix in (".part", ".seg"))
