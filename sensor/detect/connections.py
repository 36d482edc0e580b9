"""Connections that a rule found when they began, so that their ends are no second detection of the same.

Rules for connections are asked of both events, since either may be the only one, or the only one whose process is
known.
"""

from sensor.detect.repeats import Key, key_of
from sensor.model.events import Event
from sensor.model.kinds import Kind

MOST_OPEN = 2048
"""Things known to be connected to; the one that was connected to the longest ago is forgotten, and its end is told."""


class Connections:
    """Asked of every detection, in the order in which the events came."""

    def __init__(self) -> None:
        self._open: dict[Key, int] = {}

    def fresh(self, kind: Kind, detection: Event) -> int:
        """How many of what the detection counts are not the ends of connections whose beginnings the same rule found.

        `kind` is that of the event it found.
        """
        if kind is not Kind.NETWORK_CONNECT and kind is not Kind.NETWORK_FLOW:
            return detection.count
        key = key_of(detection)
        known = self._open.pop(key, 0)
        if kind is Kind.NETWORK_CONNECT:
            self._remember(key, known + detection.count)
            return detection.count
        if known > detection.count:
            self._remember(key, known - detection.count)
        return max(detection.count - known, 0)

    def _remember(self, key: Key, number: int) -> None:
        self._open[key] = number
        if len(self._open) > MOST_OPEN:
            del self._open[next(iter(self._open))]
