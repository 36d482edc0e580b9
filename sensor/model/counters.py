"""Running counts that every part of the sensor adds to and the heartbeat reports. No path drops silently."""

from collections import Counter


class Counters:
    """What was seen and what was lost, since the start, by name."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.losses: Counter[str] = Counter()
        self.unexplained = 0
        """Numbers that the kernel handed out and that were gone when read: processes, threads or failed forks."""
        self.processes = 0
        """New processes that were taken in while we watched: what was seen, beside what went unexplained."""

    def add(self, name: str, n: int = 1) -> None:
        """Count something that went well, for example `process.exec`."""
        self.seen[name] += n

    def lost(self, reason: str, n: int = 1) -> None:
        """Count something that happened and will not be told; `n` is 1 for a loss of unknown size."""
        self.losses[reason] += n


def catch_rate(seen: int, unexplained: int) -> float | None:
    """The least share of new processes that was seen, cut to four decimals; None when nothing happened.

    A lower bound, since not every unexplained number was a process.
    """
    happened = seen + unexplained
    return seen * 10_000 // happened / 10_000 if happened > 0 else None
