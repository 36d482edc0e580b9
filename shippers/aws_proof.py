"""A role's proof of itself: a request to STS that is signed and not sent. The ingest sends it and hears who signed."""

from collections.abc import Mapping
from typing import Any

from sensor.model.errors import PermanentError, RetryableError
from shippers import aws_client
from shippers.aws_client import Aws
from shippers.aws_credentials import AwsCredentials
from shippers.aws_endpoints import suffix
from shippers.http_client import httpx
from shippers.sigv4 import Request, signed

BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
INGEST_HEADER = "X-Fargate-Sensor-Ingest"
"""Signed with the rest and holds the ingest's host name: what one ingest was shown is worth nothing to another."""


class AwsProof:
    """A GetCallerIdentity request to STS, signed with the credentials of the role. It needs no permission of IAM (AWS
    STS API Reference, GetCallerIdentity), and lets whoever holds it do nothing else."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._credentials = AwsCredentials(environ=aws.environ, region=aws.region, clock=aws.clock)
        self._client: httpx.AsyncClient | None = None

    async def shown(self, ingest: str) -> Mapping[str, Any]:
        """See `Proof`."""
        try:
            self._client = self._client or aws_client.http(self._aws)
            credentials = await self._credentials.current(self._client)
        except PermanentError as error:  # a role can be given, and certificates mended, while events wait
            raise RetryableError(str(error)) from error
        host = f"sts.{self._aws.region}.{suffix(self._aws.region)}"
        request = Request("POST", f"https://{host}/", {"Content-Type": CONTENT_TYPE, INGEST_HEADER: ingest}, BODY)
        headers = signed(request, credentials, region=self._aws.region, service="sts", now=self._aws.clock.wall())
        return {"aws": {"host": host, "headers": {name.lower(): value for name, value in headers.items()}}}

    def refused(self) -> None:
        """See `Proof`."""
        self._credentials.refused()

    def hide(self, text: str) -> str:
        """See `Proof`."""
        return self._credentials.hide(text)

    async def aclose(self) -> None:
        """See `Proof`."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
