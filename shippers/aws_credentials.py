"""Credentials of AWS that are always fresh: asked for when first needed, renewed before they end, by one at a time."""

import asyncio
from collections.abc import Mapping

from sensor.model.clock import Clock
from sensor.model.errors import RetryableError
from sensor.model.events import Timestamp
from sensor.model.times import NS
from shippers.aws_sources import Fetch, source
from shippers.http_client import httpx
from shippers.renewal import Renewal
from shippers.sent_secrets import SentSecrets
from shippers.sigv4 import Credentials

RENEW_S = 300
"""So long before their end credentials are renewed. Those of ECS and EKS live for one to six hours."""

NEEDED_S = 30
"""So long before their end they are used no more: a request takes time to arrive."""

PATIENCE_S = 10.0


class AwsCredentials:
    """`current` in front of each request, `refused` when they were not accepted. No repr shows them."""

    def __init__(self, *, environ: Mapping[str, str], region: str, clock: Clock, patience: float = PATIENCE_S) -> None:
        self._environ = environ
        self._region = region
        self._clock = clock
        self._patience = patience
        self._fetch: Fetch | None = None
        self._held = Renewal[Credentials](
            is_good=lambda held: self._good_for(held, NEEDED_S),
            is_due=lambda held: not self._good_for(held, RENEW_S),
            clock=clock,
        )
        self._sent = SentSecrets("<secret>")

    def find_source(self) -> Fetch:
        """Who hands out credentials here. Raises `PermanentError` where nobody does."""
        if self._fetch is None:
            self._fetch = source(self._environ, self._region)
        return self._fetch

    async def current(self, client: httpx.AsyncClient) -> Credentials:
        """Credentials that are good now. Raises `RetryableError`, or what `find_source` does."""
        return await self._held.current(lambda: self._renewed(client))

    def refused(self) -> None:
        """Ask again next time: the role may have been changed, or these have been revoked."""
        self._held.drop()

    def hide(self, text: str) -> str:
        """The text without the secrets, refused or not."""
        return self._sent.hide(text)

    async def _renewed(self, client: httpx.AsyncClient) -> Credentials:
        fetch = self.find_source()
        try:
            async with asyncio.timeout(self._patience):
                found = await fetch(client)
        except TimeoutError:
            raise RetryableError(f"AWS credentials: no answer within {self._patience:g} s") from None
        if not self._good_for(found, 0):
            raise RetryableError("AWS credentials: those handed out have ended already; is the clock right?")
        self._sent.remember(*found.secrets)
        return found

    def _good_for(self, credentials: Credentials, seconds: int) -> bool:
        ends = credentials.expires
        return ends is None or Timestamp(self._clock.wall() + seconds * NS) < ends
