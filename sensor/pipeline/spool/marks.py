"""How many events were numbered and how many of them were spooled, for whoever starts after a sensor that was killed.

A number is handed out when an event is encoded; the event is on disk up to a second later. Between the two a kill
loses it, and the hole in the numbers is only seen at the centre. So numbers are *promised*: the file says up to which
number events may exist, ahead of the encoder by a little, and up to which they are spooled. The difference bounds what
a kill has cost.

The file: "fgM1", u8 flags, 59 bytes that nobody reads, then for urgent and ordinary each the spooled and the promised
number as u64, and the CRC-32 of all before; little-endian, 100 bytes.
"""

import struct
from typing import NamedTuple
from zlib import crc32

from sensor.model.kinds import Lane

CLEAN, BEYOND = 1, 2
"""Flags: the sensor ended in order; or events were kept in memory, beyond what the marks know of."""

_FORM = struct.Struct("<4sB59x4Q")
_SUM = struct.Struct("<I")
MARKS_BYTES = _FORM.size + _SUM.size
MAGIC = b"fgM1"


class Mark(NamedTuple):
    """Sequence numbers of one lane: the last one spooled, and the last one that may have been handed out."""

    spooled: int = 0
    promised: int = 0


class Marks(NamedTuple):
    """The marks of one run of the sensor."""

    urgent: Mark = Mark()
    ordinary: Mark = Mark()
    flags: int = 0

    def lane(self, lane: Lane) -> Mark:
        """Those of one lane."""
        return self.urgent if lane is Lane.URGENT else self.ordinary

    def moved(self, lane: Lane, mark: Mark) -> "Marks":
        """The same with others for one lane."""
        return self._replace(urgent=mark) if lane is Lane.URGENT else self._replace(ordinary=mark)

    def unspooled(self) -> int:
        """The most events that were numbered and not spooled."""
        return sum(max(0, mark.promised - mark.spooled) for mark in (self.urgent, self.ordinary))


def packed(marks: Marks) -> bytes:
    """The bytes of the file."""
    body = _FORM.pack(MAGIC, marks.flags, *marks.urgent, *marks.ordinary)
    return body + _SUM.pack(crc32(body))


def unpacked(raw: bytes) -> Marks | None:
    """What `packed` made; None where it is damaged."""
    if len(raw) != MARKS_BYTES or crc32(raw[: _FORM.size]) != _SUM.unpack_from(raw, _FORM.size)[0]:
        return None
    magic, flags, *numbers = _FORM.unpack_from(raw)
    if magic != MAGIC:
        return None
    return Marks(Mark(*numbers[:2]), Mark(*numbers[2:]), flags)
