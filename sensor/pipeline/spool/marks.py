"""How many events were numbered and how many of them were spooled, for whoever starts after a sensor that was killed.

A number is handed out when an event is encoded; the event is on disk up to a second later. Between the two a kill
loses it, and the hole in the numbers is only seen at the centre. So numbers are *promised*: the file says up to which
number events may exist, ahead of the encoder by a little, and up to which they are spooled. The difference bounds what
a kill has cost. Whoever starts after it writes marks of its own, and may be killed before it has told: so it keeps that
difference beside them until its first report is on disk.

The file: "fgM1", u8 flags, 51 bytes that nobody reads, u64 untold, then for urgent and ordinary each the spooled and
the promised number as u64, and the CRC-32 of all before; little-endian, 100 bytes.
"""

import struct
from typing import NamedTuple
from zlib import crc32

from sensor.model.kinds import Lane

CLEAN, BEYOND, UNTOLD_BEYOND = 1, 2, 4
"""Flags: the sensor ended in order; events were kept in memory, beyond what the marks know of; or were by a sensor
before this one, and that is not told yet."""

MOST_UNTOLD = 2**62
"""What is more was never counted by a sensor."""

_FORM = struct.Struct("<4sB51xQ4Q")
_SUM = struct.Struct("<I")
MARKS_BYTES = _FORM.size + _SUM.size
MAGIC = b"fgM1"


class Mark(NamedTuple):
    """Sequence numbers of one lane: the last one spooled, and the last one that may have been handed out."""

    spooled: int = 0
    promised: int = 0


class Marks(NamedTuple):
    """The marks of one run of the sensor. `untold` events at most were lost to kills before it, and not told yet."""

    urgent: Mark = Mark()
    ordinary: Mark = Mark()
    flags: int = 0
    untold: int = 0

    def lane(self, lane: Lane) -> Mark:
        """Those of one lane."""
        return self.urgent if lane is Lane.URGENT else self.ordinary

    def moved(self, lane: Lane, mark: Mark) -> "Marks":
        """The same with others for one lane."""
        return self._replace(urgent=mark) if lane is Lane.URGENT else self._replace(ordinary=mark)

    def unspooled(self) -> int:
        """The most events that were numbered and not spooled, and those that are untold."""
        return self.untold + sum(max(0, mark.promised - mark.spooled) for mark in (self.urgent, self.ordinary))

    def are_beyond(self) -> bool:
        """Whether more may have been lost than they tell."""
        return bool(self.flags & (BEYOND | UNTOLD_BEYOND))

    def told(self) -> "Marks":
        """The same with nothing untold."""
        return self._replace(flags=self.flags & ~UNTOLD_BEYOND, untold=0)

    def handed_on(self) -> "Marks":
        """What the next run begins with."""
        if self.flags & CLEAN:
            return Marks()
        return Marks(flags=UNTOLD_BEYOND if self.are_beyond() else 0, untold=min(self.unspooled(), MOST_UNTOLD))


def packed(marks: Marks) -> bytes:
    """The bytes of the file."""
    body = _FORM.pack(MAGIC, marks.flags, marks.untold, *marks.urgent, *marks.ordinary)
    return body + _SUM.pack(crc32(body))


def unpacked(raw: bytes) -> Marks | None:
    """What `packed` made; None where it is damaged."""
    if len(raw) != MARKS_BYTES or crc32(raw[: _FORM.size]) != _SUM.unpack_from(raw, _FORM.size)[0]:
        return None
    magic, flags, untold, *numbers = _FORM.unpack_from(raw)
    if magic != MAGIC:
        return None
    return Marks(Mark(*numbers[:2]), Mark(*numbers[2:]), flags, untold)
