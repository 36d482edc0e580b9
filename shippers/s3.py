"""Amazon S3: objects of JSON lines, compressed, under keys that query engines read as partitions."""

import asyncio
import gzip
import hashlib
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from sensor.model.protocols import Encoding, Limits, Roll
from shippers.aws_client import Aws, AwsClient
from shippers.aws_endpoints import given_endpoint, suffix
from shippers.aws_outcome import Aim
from shippers.record_facts import UNKNOWN, Facts, facts
from shippers.sigv4 import Request

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIB = 1024 * 1024
AIM = Aim("s3", "SENSOR_S3_BUCKET", "s3:PutObject on the objects below the prefix")


class Compression(NamedTuple):
    """How objects are made smaller: the same bytes for the same lines, so that a retry writes the same object."""

    compress: Callable[[bytes], bytes]
    ending: str
    media_type: str


COMPRESSIONS: Mapping[str, Compression] = {
    "gzip": Compression(lambda data: gzip.compress(data, 6, mtime=0), ".jsonl.gz", "application/gzip"),
    "zstd": Compression(lambda data: zstd.compress(data, 3), ".jsonl.zst", "application/zstd"),
}


class S3:
    """An object holds the records of one `send`; of more than one only where they are of two days, or of two starts.

    Its key, `prefix/account=A/region=R/eventDay=yyyymmdd/sensor/epoch-lane-first-last`, follows from the records, and
    so do its bytes: what was cut off and is sent again overwrites itself. The region is the bucket's where the record
    has none, as those of pods.
    """

    name = "s3"

    def __init__(
        self,
        aws: Aws,
        *,
        bucket: str,
        prefix: str,
        roll: Roll,
        compression: str = "gzip",
        encoding: Encoding = Encoding.JSON,
    ) -> None:
        self.encoding = encoding
        self.limits = Limits(records=roll.events, record_bytes=MIB, request_bytes=2 * MIB, roll=roll)
        self._aws = aws
        self._client = AwsClient(aws, AIM)
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self._compression = COMPRESSIONS[compression]
        self._url = ""

    async def open(self) -> None:
        self._url = bucket_address(self._bucket, self._aws.region, self._aws.environ)
        await self._client.open()

    async def send(self, records: Sequence[bytes]) -> Sequence[int]:
        """All or nothing: an object that was there before the error is written again as it was."""
        # Both, this and compressing, may take longer than a look at /proc may wait.
        for found in await asyncio.to_thread(self._objects, records):
            await self._put([of for of, _ in found], [record for _, record in found])
        return ()

    async def aclose(self) -> None:
        await self._client.aclose()

    def _objects(self, records: Sequence[bytes]) -> list[list[tuple[Facts, bytes]]]:
        """The records of each object, in order."""
        objects: dict[tuple[str, ...], list[tuple[Facts, bytes]]] = {}
        for record in records:
            of = self._facts(record)
            objects.setdefault((of.account, of.region, of.day, of.epoch), []).append((of, record))
        return list(objects.values())

    def _facts(self, record: bytes) -> Facts:
        of = facts(record)
        return of._replace(region=self._aws.region) if of.region == UNKNOWN else of

    async def _put(self, of: Sequence[Facts], records: Sequence[bytes]) -> None:
        lines = b"".join(record + b"\n" for record in records)
        body = await asyncio.to_thread(self._compression.compress, lines)
        headers = {
            "Content-Type": self._compression.media_type,
            "X-Amz-Checksum-SHA256": b64encode(hashlib.sha256(body).digest()).decode("ascii"),
        }
        url = f"{self._url}/{quote(self._key(of[0], of[-1]), safe='/-_.~')}"
        await self._client.send(Request("PUT", url, headers, body))

    def _key(self, first: Facts, last: Facts) -> str:
        partition = f"account={first.account}/region={first.region}/eventDay={first.day}"
        name = f"{first.epoch}-{first.lane}-{first.seq:012}-{last.seq:012}{self._compression.ending}"
        return "/".join(part for part in (self._prefix, partition, first.sensor, name) if part)


def bucket_address(bucket: str, region: str, environ: Mapping[str, str]) -> str:
    """The bucket is part of the host; of the path where the host is given, or where TLS has no name for it."""
    if (given := given_endpoint("s3", environ)) is not None:
        return f"{given}/{bucket}"
    if "." in bucket:
        return f"https://s3.{region}.{suffix(region)}/{bucket}"
    return f"https://{bucket}.s3.{region}.{suffix(region)}"
