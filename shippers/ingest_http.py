"""The central ingest: `POST <url>/v1/batches`, one sealed batch a request."""

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sensor.model.clock import Clock
from sensor.model.errors import DeliveryError, PermanentError, RetryableError
from sensor.model.hostname import is_resolvable
from shippers import ingest_form
from shippers.bearer_token import BearerToken
from shippers.http_client import http_client, httpx
from shippers.http_outcome import (
    ADDRESSES,
    CREDENTIALS,
    LATER,
    TOO_LARGE,
    body_head,
    error_text,
    own_words,
    refusal,
    retry_after,
    transport_reason,
)

if TYPE_CHECKING:
    from shippers.ingest_login import IngestLogin

TAKEN = 202
FORBIDDEN = 403
PATIENCE = 30.0
"""Seconds for one request in all, however slowly the other side goes on answering."""

REASON_CHARACTERS = 200


class IngestHttp:
    """Sends batches as they were sealed, msgpack in zstd; the ingest recognises what it has already stored.

    Both `token` and `token_file` None sends no Authorization header; `login` goes before them.
    """

    name = ingest_form.NAME
    encoding = ingest_form.ENCODING
    limits = ingest_form.LIMITS

    def __init__(
        self,
        *,
        url: str,
        clock: Clock,
        token: str | None = None,
        token_file: str | None = None,
        ca_file: str | None = None,
        login: "IngestLogin | None" = None,
        patience: float = PATIENCE,
    ) -> None:
        self._url = url
        self._clock = clock
        self._token = BearerToken(value=token, path=token_file)
        self._login = login
        self._ca_file = ca_file
        self._patience = patience
        self._client: httpx.AsyncClient | None = None
        self._address = httpx.URL()

    async def open(self) -> None:
        """Reads the certificates and the proxy settings; connects with the first batch."""
        self._address = _address(self._url)
        timeout = httpx.Timeout(self._patience, connect=min(5.0, self._patience))
        self._client = http_client(ca_file=self._ca_file, timeout=timeout)

    async def send(self, records: Sequence[bytes]) -> Sequence[int]:
        """All or nothing: what was taken before an error is sent again with the rest, and stored once."""
        for record in records:
            await self._post(record)
        return ()

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
        if self._login is not None:
            await self._login.aclose()

    async def _post(self, record: bytes) -> None:
        try:
            async with asyncio.timeout(self._patience):
                status, wait, body = await self._answer(record)
        except TimeoutError:
            raise RetryableError(f"{self._where()}: no answer within {self._patience:.0f} s") from None
        except httpx.HTTPError as error:
            raise RetryableError(self._about(transport_reason(error))) from None  # the cause may quote what was sent
        if status != TAKEN:
            raise self._refusal(status, wait, body)

    async def _answer(self, record: bytes) -> tuple[int, str | None, bytes]:
        """The status, the Retry-After header and the start of the body."""
        if self._client is None:
            raise RuntimeError("send comes after open")
        headers = {"Content-Type": "application/msgpack", "Content-Encoding": "zstd"}
        headers |= await self._authorization(self._client)
        async with self._client.stream("POST", self._address, content=record, headers=headers) as response:
            return response.status_code, response.headers.get("Retry-After"), await body_head(response)

    async def _authorization(self, client: httpx.AsyncClient) -> dict[str, str]:
        if self._login is None:
            return self._token.headers()
        try:
            return await self._login.headers(client, self._address)
        except RetryableError as error:
            hint = " (check SENSOR_INGEST_CA_FILE)" if "CERTIFICATE_VERIFY_FAILED" in str(error) else ""
            raise RetryableError(f"{self._where()}: {error}{hint}", error.retry_after) from None

    def _refusal(self, status: int, wait: str | None, body: bytes) -> DeliveryError:
        reason = self._about(f"answered {status}: {error_text(body)}")
        if status == FORBIDDEN and _is_about_a_claim(body):
            return PermanentError(reason)
        if status in CREDENTIALS:
            reason += self._credentials_refused()
        elif _is_elsewhere(status, body):
            reason += f" ({TAKEN} was expected: check SENSOR_INGEST_URL)"
        wait_s = retry_after(wait, self._clock.wall())
        return refusal(status, reason, wait_s, by_the_api=own_words(body) is not None)

    def _credentials_refused(self) -> str:
        if self._login is not None:
            self._login.refused()
            return " (the sensor logs in again)"
        self._token.refused()
        return " (check SENSOR_INGEST_TOKEN or SENSOR_INGEST_TOKEN_FILE, and the proxy if there is one)"

    def _about(self, reason: str) -> str:
        """One sentence for the log. What others wrote into it may repeat the token, so it is cut last."""
        hint = " (check SENSOR_INGEST_CA_FILE)" if "CERTIFICATE_VERIFY_FAILED" in reason else ""
        return f"{self._where()}: {self._hidden(reason)[:REASON_CHARACTERS]}{hint}"

    def _hidden(self, text: str) -> str:
        return self._token.hide(text) if self._login is None else self._login.hide(text)

    def _where(self) -> str:
        return f"{self._address.scheme}://{self._address.netloc.decode('ascii')}"


def _is_elsewhere(status: int, body: bytes) -> bool:
    """Whether something else than the ingest seems to answer at that address."""
    if status in LATER or status == TOO_LARGE or status >= 500:
        return False
    return status < 400 or status in ADDRESSES or own_words(body) is None


def _is_about_a_claim(body: bytes) -> bool:
    """Whether the batch says that it comes from elsewhere than was proven: it is sealed, and will always say so."""
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(plain, dict) and isinstance(plain.get("claim"), str)


def _address(url: str) -> httpx.URL:
    """Where batches go. Raises `PermanentError`; the text repeats nothing of the address, which may hold a secret."""
    try:
        address = httpx.URL(url.rstrip("/") + "/v1/batches")
    except httpx.InvalidURL:
        raise PermanentError("SENSOR_INGEST_URL is no address") from None
    if address.scheme not in ("http", "https") or not address.host or address.userinfo or (address.port or 0) > 65535:
        raise PermanentError("SENSOR_INGEST_URL must be http:// or https:// with a host, without user or password")
    if not is_resolvable(address.raw_host.decode("ascii")):
        raise PermanentError("SENSOR_INGEST_URL is no address")
    return address
