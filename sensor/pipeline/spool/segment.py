"""Neighbouring batches of one lane, which come and go together."""

from array import array
from dataclasses import dataclass, field

from sensor.model.kinds import Lane
from sensor.pipeline.batch import Sealed
from sensor.pipeline.spool.record import HEADER_BYTES

OVERHEAD = 250
"""Bytes of memory that a batch takes besides its own: the objects around it, on 64-bit CPython."""


@dataclass(slots=True, eq=False)
class Segment:
    """`counts` has the events of each batch, from position `first` on; `size` is their bytes in a file.

    `records` are the batches in memory, None for one that was let go; it is empty where all of them are on disk only.
    `filed` says that there is a file, `saved` how many batches are known to be in it, from the first on, `failed` that
    the one after them could not be written, `held` the bytes in memory.
    """

    lane: Lane
    first: int
    filed: bool = False
    counts: "array[int]" = field(default_factory=lambda: array("L"))
    records: list[Sealed | None] = field(default_factory=list)
    size: int = 0
    held: int = 0
    saved: int = 0
    failed: bool = False
    is_open: bool = True

    @property
    def end(self) -> int:
        """The position after the last one."""
        return self.first + len(self.counts)

    @property
    def on_disk(self) -> bool:
        """Whether all of it is in its file."""
        return self.filed and self.saved >= len(self.counts)

    @property
    def in_memory_only(self) -> bool:
        """Whether there are batches that no file will ever have."""
        return self.failed or not self.filed

    def append(self, sealed: Sealed) -> int:
        """Add a batch; its position."""
        self.counts.append(sealed.count)
        self.records.append(sealed)
        self.size += HEADER_BYTES + len(sealed.data)
        self.held += len(sealed.data) + OVERHEAD
        return self.end - 1

    def get(self, position: int) -> Sealed | None:
        """The batch at a position, None where it is not in memory."""
        index = position - self.first
        return self.records[index] if index < len(self.records) else None

    def events_from(self, position: int) -> int:
        """How many events there are at and after a position."""
        return sum(self.counts[max(0, position - self.first) :])

    def bytes_from(self, position: int) -> int:
        """About how many of its bytes are at and after a position: no batch counts for more than another."""
        return self.size * (self.end - max(position, self.first)) // len(self.counts)

    def is_saved(self, position: int) -> bool:
        """Whether the batch at that position is known to be in the file."""
        return self.filed and position < self.first + self.saved

    def release(self, before: int) -> None:
        """Let the memory of the batches before a position go: nobody asks for them any more."""
        for index in range(min(before - self.first, len(self.records)) - 1, -1, -1):
            sealed = self.records[index]
            if sealed is None:
                return  # all before it went with it
            self.held -= len(sealed.data) + OVERHEAD
            self.records[index] = None

    def forget(self) -> None:
        """Let the memory of all batches go: they are on disk."""
        self.records.clear()
        self.held = 0
