"""When nobody read what waited: the kernel's notice of an end has no time, and passes for as late as it is read.

Packets have their time, and so do the moments for which we asked to be woken: what of both was reached late says when
nobody read. An end came after the stream of ends was last found empty, so one that was read after such a while may have
come anywhere in it.
"""

from sensor.model.clock import Clock

LATE_S = 0.05
"""What is read so late was held up; in a storm we wait for 20 ms by ourselves."""
PART = 1 / 10
"""So much too long may a duration be."""


class LateReads:
    """Knows the last while in which nobody read. Times are monotonic, in seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._from = self._until = float("-inf")
        self._emptied = float("-inf")

    def waited(self, since: float) -> bool:
        """What should have been read then is read now; whether that is late."""
        now = self._clock.monotonic()
        if now - since <= LATE_S:
            return False
        self._from = min(self._from, since) if since <= self._until else since
        self._until = now
        return True

    def emptied(self, at: float) -> None:
        """No end waited at that time."""
        self._emptied = at

    def blur(self, since: float, read: float) -> bool:
        """Whether the duration of something that began then is not known, since its end, read now, may be older."""
        hidden = self._until - max(self._from, self._emptied, since)
        return hidden > max(LATE_S, (read - since) * PART)
