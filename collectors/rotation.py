"""A slow round through the living processes, for what nothing signals: a later exec without a fork, a changed uid.

Best effort, and said so: a change is found when its process's turn comes, and two changes between two turns are one.
"""

from collections.abc import Callable, Collection, Iterable
from itertools import islice

from collectors.process_table import Tracked

READS_PER_SECOND = 10
"""For the round."""
HURRIED_PER_SECOND = 100
"""For what hints are about, of all containers together."""


class Rotation:
    """Which processes have their turn. `living` gives all of them, newest first."""

    def __init__(self, living: Callable[[], Iterable[Tracked]]) -> None:
        self._living = living
        self._round: list[Tracked] = []
        self._due = 0.0
        self._hurried = 0.0

    def turn(self, seconds: float) -> list[Tracked]:
        """Those to look at now that so much time has passed since the last turn, at most one second's worth."""
        self._due = min(self._due + seconds * READS_PER_SECOND, READS_PER_SECOND)
        self._hurried = max(0.0, self._hurried - seconds * HURRIED_PER_SECOND)
        found: list[Tracked] = []
        while self._due >= 1:
            if not self._round and not found:  # nobody has two turns at once
                newest_first = [process for process in self._living() if process.settled and not process.own]
                self._round = newest_first[::-1]  # what has come since the last round changes soonest
            if not self._round:
                break
            self._due -= 1
            found.append(self._round.pop())
        return [process for process in found if process.ended is None]

    def hurry(self, containers: Collection[str], most: int) -> list[Tracked]:
        """So many of the newest there at once, within what hints may have: something there opened a program.

        They have a budget of their own, so that many opens do not stop the round.
        """
        most = min(most, int(HURRIED_PER_SECOND - self._hurried))
        there = (p for p in self._living() if p.container in containers and p.settled and not p.own)
        found = list(islice(there, most))
        self._hurried += len(found)
        return found
