"""One signed request to a service of AWS, and its answer: what all AWS destinations share."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sensor.model.clock import Clock
from sensor.model.errors import DeliveryError, PermanentError, RetryableError
from shippers.aws_credentials import AwsCredentials
from shippers.aws_outcome import Aim, about_keys, fault, said
from shippers.aws_sources import ECS_HOST, container_uri
from shippers.http_client import http_client, httpx
from shippers.http_outcome import body_head, retry_after, transport_reason
from shippers.sigv4 import Request, signed

PATIENCE = 30.0
"""Seconds for one request in all, the credentials' included."""

ANSWER_BYTES = 1024 * 1024
"""The answer for 500 records is about 100 KB."""

REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Aws:
    """What is the same for all AWS destinations of this sensor. The environment may hold secrets."""

    region: str
    environ: Mapping[str, str] = field(repr=False)
    clock: Clock
    patience: float = PATIENCE


def http(aws: Aws) -> httpx.AsyncClient:
    """A client for services of AWS and for the container's credentials, which no proxy can reach.

    Raises `PermanentError` for certificates or a proxy that cannot be used.
    """
    timeout = httpx.Timeout(aws.patience, connect=min(5.0, aws.patience))
    direct = {ECS_HOST, urlsplit(container_uri(aws.environ)).hostname or ECS_HOST}
    hosts = sorted(f"[{host}]" if ":" in host else host for host in direct)
    return http_client(ca_file=aws.environ.get("AWS_CA_BUNDLE") or None, timeout=timeout, direct=hosts)


class AwsClient:
    """Signs, sends, and raises the right error for what is no success. `open` first; `aclose` at any time."""

    def __init__(self, aws: Aws, aim: Aim) -> None:
        self._aws = aws
        self._aim = aim
        self._credentials = AwsCredentials(environ=aws.environ, region=aws.region, clock=aws.clock)
        self._client: httpx.AsyncClient | None = None

    async def open(self) -> None:
        """Reads certificates and proxy settings, and finds out who has credentials; connects with the first request.

        Raises `PermanentError`.
        """
        self._credentials.find_source()
        self._client = http(self._aws)

    async def aclose(self) -> None:
        """Release the connections. Safe to call more than once."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def call(self, url: str, target: str, version: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """An action of a service that speaks JSON, such as `Kinesis_20131202.PutRecords` in JSON 1.1."""
        headers = {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": target}
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        answer = await self.send(Request("POST", f"{url}/", headers, data))
        try:
            plain = json.loads(answer)
        except (ValueError, RecursionError):
            plain = None
        if not isinstance(plain, dict):
            raise RetryableError(f"{self._aim.service}: the answer is no JSON object")
        return plain

    async def send(self, request: Request) -> bytes:
        """The body of an answer of success. Raises `RetryableError` or `PermanentError`: one line without secrets."""
        try:
            async with asyncio.timeout(self._aws.patience):
                return await self._exchanged(request)
        except TimeoutError:
            raise RetryableError(f"{self._where(request)}: no answer within {self._aws.patience:.0f} s") from None
        except httpx.InvalidURL:
            raise PermanentError(f"{self._aim.setting} makes no address") from None
        except httpx.HTTPError as error:
            raise RetryableError(self._about(request, transport_reason(error))) from None  # it may quote what was sent

    async def _exchanged(self, request: Request) -> bytes:
        if self._client is None:
            raise RuntimeError("send comes after open")
        credentials = await self._credentials.current(self._client)
        region, service = self._aws.region, self._aim.service
        headers = signed(request, credentials, region=region, service=service, now=self._aws.clock.wall())
        async with self._client.stream(request.method, request.url, content=request.body, headers=headers) as response:
            body = await body_head(response, ANSWER_BYTES)
        if response.status_code != httpx.codes.OK:
            raise self._fault(response, body)
        return body

    def _fault(self, response: httpx.Response, body: bytes) -> DeliveryError:
        error = said(body, response.headers.get("x-amzn-errortype", ""))
        error = error._replace(message=self._credentials.hide(error.message))
        if about_keys(error):
            self._credentials.refused()
        wait = retry_after(response.headers.get("Retry-After"), self._aws.clock.wall())
        return fault(self._aim, response.status_code, error, wait)

    def _about(self, request: Request, reason: str) -> str:
        hint = " (check AWS_CA_BUNDLE)" if "CERTIFICATE_VERIFY_FAILED" in reason else ""
        return f"{self._where(request)}: {self._credentials.hide(reason)[:REASON_CHARACTERS]}{hint}"

    def _where(self, request: Request) -> str:
        url = urlsplit(request.url)
        return f"{url.scheme}://{url.netloc}"
