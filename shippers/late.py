"""A destination whose module is loaded when its delivery opens.

httpx and what goes with it take 80 ms of CPU to import, and the first events are made before anything is sent
(docs/adr/0104-the-ingests-module-is-loaded-late.md).
"""

import asyncio
from collections.abc import Callable, Sequence

from sensor.model.protocols import Encoding, Limits, Shipper


class Late:
    """What must be known of a destination before is given; `make` imports and makes the rest of it, in a thread."""

    def __init__(self, name: str, encoding: Encoding, limits: Limits, make: Callable[[], Shipper]) -> None:
        self.name = name
        self.encoding = encoding
        self.limits = limits
        self._make = make
        self._made: Shipper | None = None

    async def open(self) -> None:
        """Raises `DeliveryError`."""
        if self._made is None:
            self._made = await asyncio.to_thread(self._make)
        await self._made.open()

    async def send(self, records: Sequence[bytes]) -> Sequence[int]:
        """As the destination does."""
        if self._made is None:
            raise RuntimeError("send comes after open")
        return await self._made.send(records)

    async def aclose(self) -> None:
        """Safe before `open`."""
        if self._made is not None:
            await self._made.aclose()
