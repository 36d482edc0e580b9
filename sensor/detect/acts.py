"""What one act is told by twice, so that its second event is no second detection: a connection by its beginning and its
end, a new file by its creation and by what was written to it.

Rules are asked of both events, since either may be the only one, or the only one whose process is known.
"""

from sensor.detect.repeats import Key, key_of
from sensor.model.events import Event
from sensor.model.kinds import Kind
from sensor.model.times import NS

FIRST = frozenset({Kind.NETWORK_CONNECT, Kind.FILE_CREATE})
SECOND = frozenset({Kind.NETWORK_FLOW, Kind.FILE_MODIFY})
WRITTEN_NS = 10 * NS
"""A file that is written to later than this after it came is changed by another act. A connection may last."""
MOST_BEGUN = 2048
"""Acts known at once; the one that was begun the longest ago is forgotten, and its second event is a detection."""


class Acts:
    """Asked of every detection, in the order in which the events came."""

    def __init__(self) -> None:
        self._begun: dict[Key, tuple[int, int]] = {}  # how many, and when the last of them began

    def fresh(self, kind: Kind, detection: Event) -> int:
        """How many of what the detection counts are not of acts that the same rule has found by their first event.

        `kind` is that of the event it found.
        """
        if kind not in FIRST and kind not in SECOND:
            return detection.count
        key = key_of(detection)
        number, last = self._begun.pop(key, (0, 0))
        if kind in FIRST:
            self._remember(key, number + detection.count, detection.time)
            return detection.count
        if kind is Kind.FILE_MODIFY and detection.time - last > WRITTEN_NS:
            return detection.count
        if number > detection.count:
            self._remember(key, number - detection.count, last)
        return max(detection.count - number, 0)

    def _remember(self, key: Key, number: int, last: int) -> None:
        self._begun[key] = number, last
        if len(self._begun) > MOST_BEGUN:
            del self._begun[next(iter(self._begun))]
