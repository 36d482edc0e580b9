"""Sending to an AWS destination that answers as it is told, and reading what it was sent."""

import asyncio
import gzip
import json
from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aws_far
from aws_server import REGION
from fakes import FakeClock
from fakes_pipeline import HEADER, alone, encoded
from loopback_http import Answer, Loopback, answer, loopback

from sensor.model.counters import Counters
from sensor.model.errors import DeliveryError
from sensor.model.events import Header, Task
from sensor.model.protocols import Encoding, Shipper
from sensor.pipeline.batch import seal
from sensor.pipeline.delivery import Delivery
from sensor.pipeline.encode import Encoded
from sensor.pipeline.spool.spool import Spool

AWS = ("kinesis", "firehose", "sqs", "s3")
BY_RECORD = ("kinesis", "firehose", "sqs")
TASK = Header(
    HEADER.sensor,
    Task("ecs-fargate", "123456789012", REGION, "shop", f"arn:aws:ecs:{REGION}:123456789012:task/shop/s1"),
)


def records(*seqs: int, encoding: Encoding = Encoding.JSON, header: Header = TASK) -> list[bytes]:
    return alone(encoding, header, [encoded(seq) for seq in seqs])


@asynccontextmanager
async def shipping(name: str, environ: dict[str, str], **settings: Any) -> AsyncIterator[Any]:
    shipper = aws_far.shipper(name, environ, **settings)
    await shipper.open()
    try:
        yield shipper
    finally:
        await shipper.aclose()


def at(server: Loopback) -> dict[str, str]:
    return aws_far.KEYS | {"AWS_ENDPOINT_URL": server.address}


async def outcome(name: str, *answers: Answer, count: int = 3, **settings: Any) -> Any:
    """The indices that one send of a shipper gives, or its error, when the service answers like that."""
    async with loopback(*answers) as server, shipping(name, at(server), **settings) as shipper:
        try:
            return list(await shipper.send(records(*range(1, count + 1))))
        except DeliveryError as error:
            return checked(error)


def checked(error: DeliveryError) -> DeliveryError:
    """An error is one line without secrets."""
    assert aws_far.KEYS["AWS_SECRET_ACCESS_KEY"] not in str(error)
    assert str(error).isprintable()
    return error


def failing(name: str, *codes: str, senders_fault: bool = False) -> bytes:
    """The answer that tells record by record, with a code for each that failed and an empty one for the others."""
    if name == "sqs":
        failed = [
            {"Id": str(at), "Code": code, "Message": "m", "SenderFault": senders_fault}
            for at, code in enumerate(codes)
            if code
        ]
        taken = [{"Id": str(at), "MessageId": "1"} for at, code in enumerate(codes) if not code]
        return answer(200, {"Successful": taken, "Failed": failed})
    key, count = ("Records", "FailedRecordCount") if name == "kinesis" else ("RequestResponses", "FailedPutCount")
    taken_as = {"SequenceNumber": "1"} if name == "kinesis" else {"RecordId": "1"}
    entries = [{"ErrorCode": code, "ErrorMessage": "m"} if code else taken_as for code in codes]
    return answer(200, {count: len([code for code in codes if code]), key: entries})


async def delivered(shipper: Shipper, items: Sequence[Encoded], counters: Counters, events: int) -> None:
    """Deliver all of them through the pipeline, so many events at once."""
    clock = FakeClock()
    later = asyncio.get_running_loop().call_later
    spool = Spool([shipper.name], memory_bytes=2**26, counters=counters, later=later)
    delivery = Delivery(shipper, spool=spool, counters=counters, clock=clock)
    for first in range(0, len(items), events):
        spool.append(seal(TASK, items[first : first + events]))
    assert await delivery.flush(20)
    await delivery.aclose()


def fine(name: str) -> Answer:
    """All is taken."""
    return (
        (lambda request: failing(name, *[""] * len(carried(name, request.body)))) if name in BY_RECORD else answer(200)
    )


def carried(name: str, body: bytes) -> list[bytes]:
    """The records of a request, decoded as the service would."""
    if name == "s3":
        return gzip.decompress(body).splitlines()
    plain = json.loads(body)
    if name == "sqs":
        return [entry["MessageBody"].encode() for entry in plain["Entries"]]
    return [b64decode(entry["Data"]).removesuffix(b"\n") for entry in plain["Records"]]
