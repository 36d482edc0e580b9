"""Running counts that every part of the sensor adds to and the heartbeat reports. No path drops silently."""

from collections import Counter


class Counters:
    """What was seen and what was lost, since the start, by name."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.losses: Counter[str] = Counter()
        self.unexplained = 0
        """Numbers that the kernel handed out and that were gone when read: processes, threads or failed forks."""

    def add(self, name: str, n: int = 1) -> None:
        """Count something that went well, for example `process.exec`."""
        self.seen[name] += n

    def lost(self, reason: str, n: int = 1) -> None:
        """Count something that happened and will not be told; `n` is 1 for a loss of unknown size."""
        self.losses[reason] += n
