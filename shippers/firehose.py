"""Amazon Data Firehose: JSON lines, by PutRecordBatch (Firehose API Reference)."""

from base64 import b64encode
from collections.abc import Sequence

from sensor.model.protocols import Encoding, Limits
from shippers.aws_client import Aws, AwsClient
from shippers.aws_endpoints import endpoint
from shippers.aws_outcome import Aim
from shippers.aws_partial import failed_indices, reasons

KIB = 1024
AIM = Aim("firehose", "SENSOR_FIREHOSE_STREAM", "firehose:PutRecordBatch on the delivery stream")


class Firehose:
    """Each record ends in a newline: Firehose joins records as they are.

    A record is at most 1,000 KiB before base64, a request 4 MiB; whether that is before or after base64 is not said, so
    it is kept after it.
    """

    name = "firehose"
    limits = Limits(records=500, record_bytes=1000 * KIB - 1, request_bytes=2900 * KIB)

    def __init__(self, aws: Aws, *, stream: str, encoding: Encoding = Encoding.JSON) -> None:
        self.encoding = encoding
        self._aws = aws
        self._client = AwsClient(aws, AIM)
        self._stream = stream
        self._url = ""

    async def open(self) -> None:
        self._url = endpoint("firehose", self._aws.region, self._aws.environ)
        await self._client.open()

    async def send(self, records: Sequence[bytes]) -> Sequence[int]:
        body = {
            "DeliveryStreamName": self._stream,
            "Records": [{"Data": b64encode(record + b"\n").decode("ascii")} for record in records],
        }
        answer = await self._client.call(self._url, "Firehose_20150804.PutRecordBatch", "1.1", body)
        return failed_indices(AIM, len(records), reasons(answer, "RequestResponses", len(records), "RecordId"))

    async def aclose(self) -> None:
        await self._client.aclose()
