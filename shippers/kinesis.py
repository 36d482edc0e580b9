"""Amazon Kinesis Data Streams: a record for each event, by PutRecords (Kinesis API Reference)."""

from base64 import b64encode
from collections.abc import Sequence

from sensor.model.protocols import Encoding, Limits
from shippers.aws_client import Aws, AwsClient
from shippers.aws_endpoints import endpoint
from shippers.aws_outcome import Aim
from shippers.aws_partial import failed_indices, reasons
from shippers.record_facts import facts

MIB = 1024 * 1024
KEY_CHARACTERS = 256
"""Of a partition key, at most; each record's counts as part of it, and of the request."""
RECORDS = 500

AIM = Aim("kinesis", "SENSOR_KINESIS_STREAM", "kinesis:PutRecords on the stream")


class Kinesis:
    """The partition key is the task's sensor and the lane, so that one shard has a lane's events, in order.

    A record that failed is sent again after those behind it were taken: `seq` tells the order then. A request goes to
    one shard, which takes 1 MiB a second, so it is no larger, though PutRecords allows 10 MiB.
    """

    name = "kinesis"
    limits = Limits(records=RECORDS, record_bytes=MIB - KEY_CHARACTERS, request_bytes=MIB - RECORDS * KEY_CHARACTERS)

    def __init__(self, aws: Aws, *, stream: str, encoding: Encoding = Encoding.JSON) -> None:
        self.encoding = encoding
        self._aws = aws
        self._client = AwsClient(aws, AIM)
        self._stream = {"StreamARN" if stream.startswith("arn:") else "StreamName": stream}
        self._url = ""

    async def open(self) -> None:
        self._url = endpoint("kinesis", self._aws.region, self._aws.environ)
        await self._client.open()

    async def send(self, records: Sequence[bytes]) -> Sequence[int]:
        entries = [{"Data": b64encode(r).decode("ascii"), "PartitionKey": _key(r)} for r in records]
        target = "Kinesis_20131202.PutRecords"
        answer = await self._client.call(self._url, target, "1.1", {"Records": entries, **self._stream})
        return failed_indices(AIM, len(records), reasons(answer, "Records", len(records), "SequenceNumber"))

    async def aclose(self) -> None:
        await self._client.aclose()


def _key(record: bytes) -> str:
    return facts(record).order[:KEY_CHARACTERS]
