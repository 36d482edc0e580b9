"""Amazon SQS: a message for each event, by SendMessageBatch (SQS API Reference)."""

import hashlib
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from sensor.model.protocols import Encoding, Limits
from shippers.aws_client import Aws, AwsClient
from shippers.aws_endpoints import given_endpoint
from shippers.aws_outcome import Aim, Said
from shippers.aws_partial import UNTOLD, Failed, failed_indices
from shippers.record_facts import facts

MIB = 1024 * 1024
AIM = Aim("sqs", "SENSOR_SQS_QUEUE_URL", "sqs:SendMessage on the queue")

_NO_MESSAGE = re.compile("[\ufffe\uffff]")
"""What JSON may hold as it is and a message may not; JSON has its own writing for it."""


class Sqs:
    """Messages are the JSON of the event, so that every consumer and filter policy can read it (docs/adr/0042).

    In a FIFO queue the events of a task's lane are one group, and one that is sent again is not there twice. Ten
    messages may have 1 MiB together; half of it is used, since the characters that are written otherwise double.
    """

    name = "sqs"
    limits = Limits(records=10, record_bytes=MIB // 2, request_bytes=MIB // 2)

    def __init__(self, aws: Aws, *, queue_url: str, encoding: Encoding = Encoding.JSON) -> None:
        self.encoding = encoding
        self._aws = aws
        self._client = AwsClient(aws, AIM)
        self._queue_url = queue_url
        self._fifo = queue_url.endswith(".fifo")
        self._url = ""

    async def open(self) -> None:
        queue = urlsplit(self._queue_url)
        self._url = given_endpoint("sqs", self._aws.environ) or f"{queue.scheme}://{queue.netloc}"
        await self._client.open()

    async def send(self, records: Sequence[bytes]) -> Sequence[int]:
        entries = [self._entry(index, record) for index, record in enumerate(records)]
        body = {"QueueUrl": self._queue_url, "Entries": entries}
        answer = await self._client.call(self._url, "AmazonSQS.SendMessageBatch", "1.0", body)
        return failed_indices(AIM, len(records), _failed(answer, len(records)))

    async def aclose(self) -> None:
        await self._client.aclose()

    def _entry(self, index: int, record: bytes) -> dict[str, str]:
        entry = {"Id": str(index), "MessageBody": _message(record)}
        if self._fifo:
            of = facts(record)
            entry["MessageGroupId"] = of.order[:128]
            entry["MessageDeduplicationId"] = hashlib.sha256(of.id.encode()).hexdigest()
        return entry


def _message(record: bytes) -> str:
    return _NO_MESSAGE.sub(lambda found: f"\\u{ord(found[0]):04x}", record.decode())


def _failed(answer: dict[str, object], sent: int) -> list[Failed]:
    """Those that the answer does not name as taken; an id that was not sent is passed over."""
    taken, refused = _by_id(answer.get("Successful")), _by_id(answer.get("Failed"))
    return [_failure(at, refused.get(str(at), {})) for at in range(sent) if str(at) in refused or str(at) not in taken]


def _by_id(entries: object) -> dict[str, dict[str, object]]:
    listed = entries if isinstance(entries, list) else ()
    return {str(entry.get("Id")): entry for entry in listed if isinstance(entry, dict)}


def _failure(at: int, entry: dict[str, object]) -> Failed:
    if not entry:
        return Failed(at, UNTOLD)
    error = Said(str(entry.get("Code", "")), str(entry.get("Message", "")))
    return Failed(at, error, bool(entry.get("SenderFault")))
