"""The far ends of the AWS shippers: what moto's server holds, read as its consumers would."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from aws_server import (
    BUCKET,
    DELIVERY,
    QUEUE,
    REGION,
    STREAM,
    AwsServer,
    firehose_records,
    kinesis_records,
    s3_records,
)
from loopback_http import HANG, loopback
from running import DEADLINE_S

from sensor.model.clock import SystemClock
from sensor.model.protocols import Roll, Shipper
from shippers.aws_client import Aws
from shippers.firehose import Firehose
from shippers.kinesis import Kinesis
from shippers.s3 import S3
from shippers.sqs import Sqs

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s3cret"}
ROLL = Roll(events=500, age=60.0)
QUEUE_URL = f"https://sqs.{REGION}.amazonaws.com/123456789012/{QUEUE}"


class FarAws:
    """A service of AWS."""

    def __init__(self, shipper: Shipper, read: Callable[[], list[bytes]]) -> None:
        self.shipper = shipper
        self._read = read

    async def received(self, count: int) -> list[bytes]:
        end = time.monotonic() + DEADLINE_S
        while len(got := await asyncio.to_thread(self._read)) < count:
            assert time.monotonic() < end, f"{len(got)} of {count} records have arrived"
        return got


def sqs_reader(server: AwsServer) -> Callable[[], list[bytes]]:
    """What a queue gives it does not give again, so it is kept."""
    got: list[bytes] = []

    def read() -> list[bytes]:
        found = server.client("sqs").receive_message(QueueUrl=server.queue_url, MaxNumberOfMessages=10)
        got.extend(message["Body"].encode() for message in found.get("Messages", []))
        return got

    return read


def shipper(name: str, environ: Mapping[str, str], **settings: Any) -> Any:
    """A shipper of that name in that environment."""
    aws = Aws(REGION, environ, SystemClock(), **{k: settings.pop(k) for k in ("patience",) if k in settings})
    makers: dict[str, Callable[[], Shipper]] = {
        "kinesis": lambda: Kinesis(aws, **{"stream": STREAM} | settings),
        "firehose": lambda: Firehose(aws, **{"stream": DELIVERY} | settings),
        "sqs": lambda: Sqs(aws, **{"queue_url": QUEUE_URL} | settings),
        "s3": lambda: S3(aws, **{"bucket": BUCKET, "prefix": "fargate-sensor", "roll": ROLL} | settings),
    }
    return makers[name]()


def taking(name: str, server: AwsServer) -> AbstractAsyncContextManager[FarAws]:
    """The service, empty at first."""

    @asynccontextmanager
    async def far() -> AsyncIterator[FarAws]:
        await asyncio.to_thread(server.empty)
        settings = {"queue_url": server.queue_url} if name == "sqs" else {}
        reads: dict[str, Callable[[], list[bytes]]] = {
            "kinesis": lambda: kinesis_records(server),
            "firehose": lambda: firehose_records(server),
            "sqs": sqs_reader(server),
            "s3": lambda: s3_records(server),
        }
        yield FarAws(shipper(name, server.environ(), **settings), reads[name])

    return far()


@asynccontextmanager
async def stalling(name: str) -> AsyncIterator[FarAws]:
    """Something in the place of the service that does not answer."""
    async with loopback(HANG) as server:
        yield FarAws(shipper(name, KEYS | {"AWS_ENDPOINT_URL": server.address}), list)


@asynccontextmanager
async def broken(name: str) -> AsyncIterator[FarAws]:
    """Nothing in the place of the service."""
    async with loopback() as server:
        address = server.address
    yield FarAws(shipper(name, KEYS | {"AWS_ENDPOINT_URL": address}), list)
