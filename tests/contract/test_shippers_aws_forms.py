"""What AWS destinations are sent: within their limits, each in its own form."""

import asyncio
import functools
import gzip
import hashlib
import json
import threading
import time
from base64 import b64decode

import aws_far
import msgpack
import pytest
from aws_sending import AWS, TASK, at, carried, delivered, fine, records, shipping
from aws_server import BUCKET, REGION, AwsServer, objects
from fakes_pipeline import HEADER, alone, encoded, event, zstd
from loopback_http import loopback

from sensor.model.codec import to_wire
from sensor.model.counters import Counters
from sensor.model.events import Header, Pod, Process
from sensor.model.kinds import Lane
from sensor.model.protocols import Encoding
from sensor.pipeline.encode import Encoded
from shippers import s3
from shippers.kinesis import KEY_CHARACTERS, Kinesis
from shippers.record_facts import Facts, facts
from shippers.s3 import bucket_address

each = pytest.mark.parametrize("name", AWS)


# Limits


def huge(seq: int) -> Encoded:
    """An event that is much longer in JSON than in msgpack."""
    process = Process("e1", 7, args=tuple("\x01" * 10_000 for _ in range(25)))
    whole = event()._replace(process=process, seq=seq)
    return Encoded(Lane.ORDINARY, seq, msgpack.packb(to_wire(whole)))


@each
async def test_an_event_over_the_limit_is_cut_to_it_and_says_so(name: str) -> None:
    counters = Counters()
    async with loopback(*[fine(name)] * 40) as server:
        shipper = aws_far.shipper(name, at(server))
        await delivered(shipper, [huge(seq) for seq in range(1, 13)], counters, 12)
    assert not counters.losses
    assert counters.seen["delivered"] == 12
    limits = shipper.limits
    requests = [carried(name, request.body) for request in server.requests]
    for sent in requests:
        assert len(sent) <= limits.records
        assert max(map(len, sent)) <= limits.record_bytes
        assert sum(map(len, sent)) <= limits.request_bytes
        assert name == "s3" or all(json.loads(one)["evidence"]["truncated"] == ["process.args"] for one in sent)
    assert sum(map(len, requests)) == 12
    if name == "firehose":
        assert max(len(request.body) for request in server.requests) < 4 * 2**20


def test_a_request_to_a_shard_is_within_its_mib_with_all_of_its_keys() -> None:
    limits = Kinesis.limits
    assert limits.request_bytes + limits.records * KEY_CHARACTERS <= 2**20
    assert limits.record_bytes + KEY_CHARACTERS <= 2**20, "one that is longer than a request goes alone"


# Each in its own way


async def test_kinesis_keeps_the_order_of_a_task_and_lane_by_its_key() -> None:
    async with loopback(fine("kinesis")) as server, shipping("kinesis", at(server)) as shipper:
        await shipper.send([*records(1, 2), *records(3, encoding=Encoding.OCSF)])
    (request,) = server.requests
    assert {entry["PartitionKey"] for entry in json.loads(request.body)["Records"]} == {"s1/ordinary"}
    assert request.headers["x-amz-target"] == "Kinesis_20131202.PutRecords"


async def test_a_stream_may_be_named_by_its_arn() -> None:
    arn = f"arn:aws:kinesis:{REGION}:123456789012:stream/events"
    async with loopback(fine("kinesis")) as server, shipping("kinesis", at(server), stream=arn) as shipper:
        await shipper.send(records(1))
    assert json.loads(server.requests[0].body)["StreamARN"] == arn


async def test_a_fifo_queue_takes_each_event_once(aws: AwsServer) -> None:
    await asyncio.to_thread(aws.empty)
    async with shipping("sqs", aws.environ(), queue_url=aws.fifo_url) as shipper:
        for _ in range(2):
            assert not await shipper.send(records(1, 2))
    found = aws.client("sqs").receive_message(QueueUrl=aws.fifo_url, MaxNumberOfMessages=10, AttributeNames=["All"])
    assert [message["Body"].encode() for message in found["Messages"]] == records(1, 2)
    assert {message["Attributes"]["MessageGroupId"] for message in found["Messages"]} == {"s1/ordinary"}


async def test_a_message_to_a_queue_without_order_has_nothing_that_only_others_take() -> None:
    async with loopback(fine("sqs")) as server, shipping("sqs", at(server)) as shipper:
        await shipper.send(records(1))
    (entry,) = json.loads(server.requests[0].body)["Entries"]
    assert entry.keys() == {"Id", "MessageBody"}


async def test_a_message_holds_no_character_that_sqs_refuses() -> None:
    odd = records(1)[0][:-1] + ',"x":"a\ufffe\uffff"}'.encode()
    async with loopback(fine("sqs")) as server, shipping("sqs", at(server)) as shipper:
        await shipper.send([odd])
    (entry,) = json.loads(server.requests[0].body)["Entries"]
    assert not {"\ufffe", "\uffff"} & set(entry["MessageBody"])
    assert json.loads(entry["MessageBody"]) == json.loads(odd)


async def test_messages_that_grow_stay_within_the_limit() -> None:
    shipper = aws_far.shipper("sqs", {})
    head = records(1)[0][:-1] + b',"x":"'
    room = (shipper.limits.record_bytes - len(head) - 2) // 3
    odd = head + ("\uffff" * room).encode() + b'"}'
    async with loopback(fine("sqs")) as server, shipping("sqs", at(server)) as opened:
        await opened.send([odd])
    (entry,) = json.loads(server.requests[0].body)["Entries"]
    assert len(odd) < len(entry["MessageBody"]) <= 2**20


@pytest.mark.parametrize("encoding", [Encoding.JSON, Encoding.OCSF])
async def test_a_retry_writes_the_same_object_again(
    aws: AwsServer, encoding: Encoding, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(aws.empty)
    plain = [to_wire(event()._replace(seq=seq, process=Process("e1", 7))) for seq in (7, 8, 9)]
    sent = alone(encoding, TASK, [Encoded(Lane.ORDINARY, p["seq"], msgpack.packb(p)) for p in plain])
    bodies = []
    for now in (1_700_000_000.0, 1_700_000_060.0):
        monkeypatch.setattr(time, "time", functools.partial(float, now))  # which stands in a gzip header
        async with shipping("s3", aws.environ(), encoding=encoding) as shipper:
            assert not await shipper.send(sent)
        ((key, body),) = await asyncio.to_thread(objects, aws, BUCKET)
        bodies.append(body)
    day = f"fargate-sensor/account=123456789012/region={REGION}/eventDay=20231114"
    assert key == f"{day}/s1/epoch1-ordinary-000000000007-000000000009.jsonl.gz"
    assert bodies[0] == bodies[1]
    assert gzip.decompress(bodies[0]).splitlines() == sent


@pytest.mark.parametrize("encoding", [Encoding.JSON, Encoding.OCSF])
async def test_what_a_pod_tells_goes_below_the_region_of_the_bucket(encoding: Encoding) -> None:
    header = Header(HEADER.sensor, pod=Pod("shop", "shop-1", "u1"))
    settings = {"encoding": encoding, "prefix": "/fargate-sensor/"}
    async with loopback(fine("s3")) as server, shipping("s3", at(server), **settings) as shipper:
        assert not await shipper.send(records(1, encoding=encoding, header=header))
    (request,) = server.requests
    digest = hashlib.sha256(request.body).digest()
    assert b64decode(request.headers["x-amz-checksum-sha256"]) == digest, "a bucket with Object Lock refuses it without"
    start = f"/{BUCKET}/fargate-sensor/account%3Dunknown/region%3D{REGION}/eventDay%3D20231114/"
    assert request.target.startswith(start)


async def test_days_go_to_partitions_of_their_own_and_zstd_is_understood(aws: AwsServer) -> None:
    await asyncio.to_thread(aws.empty)
    late = encoded(2)
    later = msgpack.packb(to_wire(event()._replace(seq=2, time=event().time + 86_400 * 10**9)))
    other = alone(Encoding.JSON, TASK, [late._replace(data=later)])
    async with shipping("s3", aws.environ(), compression="zstd", prefix="") as shipper:
        assert not await shipper.send([*records(1), *other, *records(3)])
    found = await asyncio.to_thread(objects, aws, BUCKET)
    start = f"account=123456789012/region={REGION}/eventDay=202311"
    assert [key for key, _ in found] == [
        f"{start}14/s1/epoch1-ordinary-000000000001-000000000003.jsonl.zst",
        f"{start}15/s1/epoch1-ordinary-000000000002-000000000002.jsonl.zst",
    ]
    assert [facts(line).seq for _, body in found for line in zstd.decompress(body).splitlines()] == [1, 3, 2]


async def test_what_two_starts_told_and_what_came_before_the_task_was_known_go_to_objects_of_their_own() -> None:
    again = TASK._replace(sensor=TASK.sensor._replace(epoch="epoch2"))
    unknown = Header(again.sensor)
    sent = [*records(7), *records(1, header=unknown), *records(8), *records(2, header=again)]
    async with loopback(*[fine("s3")] * 3) as server, shipping("s3", at(server)) as shipper:
        assert not await shipper.send(sent)
    start = f"/{BUCKET}/fargate-sensor/account%3D"
    place = f"/region%3D{REGION}/eventDay%3D20231114/s1"
    assert {r.target: gzip.decompress(r.body).splitlines() for r in server.requests} == {
        f"{start}123456789012{place}/epoch1-ordinary-000000000007-000000000008.jsonl.gz": [sent[0], sent[2]],
        f"{start}unknown{place}/epoch2-ordinary-000000000001-000000000001.jsonl.gz": [sent[1]],
        f"{start}123456789012{place}/epoch2-ordinary-000000000002-000000000002.jsonl.gz": [sent[3]],
    }


async def test_the_records_of_an_object_are_looked_into_and_compressed_beside_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[threading.Thread] = []

    def noting(record: bytes) -> Facts:
        threads.append(threading.current_thread())
        return facts(record)

    def compressing(lines: bytes) -> bytes:
        threads.append(threading.current_thread())
        return gzip.compress(lines)

    monkeypatch.setattr(s3, "facts", noting)
    monkeypatch.setitem(s3.COMPRESSIONS, "gzip", s3.COMPRESSIONS["gzip"]._replace(compress=compressing))  # type: ignore[arg-type]
    async with loopback(fine("s3")) as server, shipping("s3", at(server)) as shipper:
        await shipper.send(records(1, 2))
    assert len(threads) == 3
    assert threading.current_thread() not in threads


@pytest.mark.parametrize(
    ("bucket", "region", "address"),
    [
        ("events", "eu-central-1", "https://events.s3.eu-central-1.amazonaws.com"),
        ("my.events", "eu-central-1", "https://s3.eu-central-1.amazonaws.com/my.events"),
        ("events", "cn-north-1", "https://events.s3.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_where_a_bucket_is(bucket: str, region: str, address: str) -> None:
    assert bucket_address(bucket, region, {}) == address
