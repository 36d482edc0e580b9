"""The places of batches under way: they bound what is held at once, and one writer cannot have all of them.

A place is taken when a body has become large, or is whole: who sends a few bytes and waits holds none. Who has logged
in has a share; those that write with a token of the configuration are one to the ingest, and share among themselves.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ingest.answers import retry_later
from ingest.identity.principal import Principal

SHARE = 8
"""One part in this many of the places is for one login; a sensor sends its two lanes at once."""

LEAST = 2
SOON = 1
"""Seconds to wait, for Retry-After."""


class Places:
    """So many places, and who has them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._share = max(LEAST, most // SHARE)
        self._taken: Counter[Principal | None] = Counter()

    @contextmanager
    def one(self, principal: Principal | None) -> Iterator[Callable[[], None]]:
        """What takes a place when it is called first, or raises `Refused` (429); it is free again in the end."""
        held = False

        def take() -> None:
            nonlocal held
            if not held:
                self._take(principal)
                held = True

        try:
            yield take
        finally:
            if held:
                self._give_back(principal)

    def _take(self, principal: Principal | None) -> None:
        total, own = self._taken.total(), self._taken[principal]
        if total >= self._most:
            raise retry_later(429, f"{total} batches are being taken already: wait and send again", SOON)
        if principal is not None and own >= self._share:
            raise retry_later(429, f"{own} batches of this login are being taken already: wait and send again", SOON)
        self._taken[principal] += 1

    def _give_back(self, principal: Principal | None) -> None:
        self._taken[principal] -= 1
        if not self._taken[principal]:
            del self._taken[principal]
