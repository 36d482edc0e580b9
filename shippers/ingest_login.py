"""Logging in at the ingest: a proof of who the sensor is, exchanged for a token of at most an hour, renewed in time."""

import asyncio
import json
from typing import NamedTuple

from sensor.model.clock import Clock
from sensor.model.errors import RetryableError
from shippers.http_client import httpx
from shippers.http_outcome import CREDENTIALS, body_head, error_text, retry_after, transport_reason
from shippers.login_proof import Proof
from shippers.renewal import Renewal
from shippers.sent_secrets import SentSecrets

PATH = "/v1/login"
PATIENCE = 20.0
"""Seconds for a login in all; the ingest asks STS in between."""

LONGEST_S = 3600
RENEW_SHARE = 0.2
"""The last part of a token's time, in which a new one is asked for while the old one is still good."""

REASON_CHARACTERS = 300


class Ticket(NamedTuple):
    """The token of a login; `renew` and `ends` are monotonic seconds, so that no clock that is wrong matters."""

    token: str
    renew: float
    ends: float


class IngestLogin:
    """`headers` in front of each request, `refused` when they were not accepted. No error of it shows a secret."""

    def __init__(self, proof: Proof, clock: Clock, patience: float = PATIENCE) -> None:
        self._proof = proof
        self._clock = clock
        self._patience = patience
        self._tickets = Renewal[Ticket](
            is_good=lambda ticket: clock.monotonic() < ticket.ends,
            is_due=lambda ticket: clock.monotonic() >= ticket.renew,
            clock=clock,
        )
        self._sent = SentSecrets("<token>")

    async def headers(self, client: httpx.AsyncClient, ingest: httpx.URL) -> dict[str, str]:
        """The Authorization header, from a login if there must be one. Raises `RetryableError` where that fails."""
        ticket = await self._tickets.current(lambda: self._renewed(client, ingest))
        return {"Authorization": f"Bearer {ticket.token}"}

    def refused(self) -> None:
        """Log in again next time: the ingest's key may be a new one."""
        self._tickets.drop()

    def hide(self, text: str) -> str:
        """The text without the token, refused or not, and without what it was got with."""
        return self._sent.hide(self._proof.hide(text))

    async def aclose(self) -> None:
        """Release what the proof holds."""
        await self._proof.aclose()

    async def _renewed(self, client: httpx.AsyncClient, ingest: httpx.URL) -> Ticket:
        try:
            async with asyncio.timeout(self._patience):
                ticket = await self._exchanged(client, ingest)
        except TimeoutError:
            raise RetryableError(f"login: no answer within {self._patience:g} s") from None
        except httpx.HTTPError as error:
            reason = self.hide(transport_reason(error))[:REASON_CHARACTERS]
            raise RetryableError(f"login: {reason}") from None  # the cause may quote what was sent
        self._sent.remember(ticket.token)
        return ticket

    async def _exchanged(self, client: httpx.AsyncClient, ingest: httpx.URL) -> Ticket:
        shown = await self._proof.shown(ingest.raw_host.decode("ascii"))
        asked = self._clock.monotonic()
        async with client.stream("POST", ingest.copy_with(path=_login_path(ingest)), json=dict(shown)) as response:
            body = await body_head(response)
        if response.status_code != httpx.codes.OK:
            reason = self.hide(error_text(body))[:REASON_CHARACTERS]
            if response.status_code in CREDENTIALS:
                self._proof.refused()
            wait = retry_after(response.headers.get("Retry-After"), self._clock.wall())
            raise RetryableError(f"login answered {response.status_code}: {reason}", wait)
        return _ticket(body, asked)


def _login_path(ingest: httpx.URL) -> str:
    """Beside the batches, whatever stands in front of both."""
    return ingest.path.removesuffix("/v1/batches") + PATH


def _ticket(body: bytes, asked: float) -> Ticket:
    try:
        plain = json.loads(body)
        token, seconds = plain["token"], plain["expires_in"]
    except (ValueError, RecursionError, TypeError, KeyError):
        token, seconds = None, None
    sound = isinstance(token, str) and token and token.isascii() and token.isprintable() and " " not in token
    if not sound or type(seconds) is not int or not 0 < seconds <= LONGEST_S:
        raise RetryableError("login: the answer holds no token (check SENSOR_INGEST_URL)")
    return Ticket(token, asked + seconds * (1 - RENEW_SHARE), asked + seconds)
