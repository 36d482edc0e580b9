"""The places of batches under way: they bound what is held at once, and one writer cannot have all of them.

A place is taken when a body has become large, or is whole: who sends a few bytes and waits holds none. All bodies
together have a bound in bytes, which ordinary ones in every place do not come near. Who has logged in has a share of
both; those that write with a token of the configuration are one to the ingest, and share among themselves.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ingest.answers import retry_later
from ingest.identity.principal import Principal

SHARE = 8
"""One part in this many of places and bytes is for one login; a sensor sends its two lanes at once."""

LEAST = 2
SOON = 1
"""Seconds to wait, for Retry-After."""

Take = Callable[[int], None]
"""Called with how many bytes of a body there are by now."""


class Places:
    """So many places, who has them, and so many bytes in all of them."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._bytes: Counter[Principal | None] = Counter()
        self._share = max(LEAST, most // SHARE)
        self._taken: Counter[Principal | None] = Counter()

    @contextmanager
    def one(self, principal: Principal | None) -> Iterator[Take]:
        """What takes a place when it is called first, and room for the body each time, or raises `Refused` (429); both
        are free again in the end."""
        held: int | None = None

        def take(size: int) -> None:
            nonlocal held
            if held is None:
                self._take(principal)
                held = 0
            self._hold(principal, size - held)
            held = size

        try:
            yield take
        finally:
            if held is not None:
                self._give_back(principal, held)

    def _hold(self, principal: Principal | None, more: int) -> None:
        total, own = self._bytes.total(), self._bytes[principal]
        if total + more > self._most_bytes:
            raise retry_later(429, f"batches of {total} bytes are being taken already: wait and send again", SOON)
        if principal is not None and own + more > self._most_bytes // SHARE:
            raise retry_later(429, f"{own} bytes of this login are being taken already: wait and send again", SOON)
        self._bytes[principal] += more

    def _take(self, principal: Principal | None) -> None:
        total, own = self._taken.total(), self._taken[principal]
        if total >= self._most:
            raise retry_later(429, f"{total} batches are being taken already: wait and send again", SOON)
        if principal is not None and own >= self._share:
            raise retry_later(429, f"{own} batches of this login are being taken already: wait and send again", SOON)
        self._taken[principal] += 1

    def _give_back(self, principal: Principal | None, held: int) -> None:
        self._bytes[principal] -= held
        self._taken[principal] -= 1
        if not self._taken[principal]:
            del self._taken[principal], self._bytes[principal]
