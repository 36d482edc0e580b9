"""The AWS shippers against a server that checks signatures and policies, and against the answers of bad days."""

import asyncio
import gzip
import json
import logging
from base64 import b64decode
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aws_far
import msgpack
import pytest
from aws_server import BUCKET, QUEUE, REGION, AwsServer, Keys, kinesis_records, objects
from fakes import FakeClock
from fakes_pipeline import HEADER, encoded, event, zstd
from loopback_http import HANG, Loopback, answer, loopback

from sensor.config.settings import Settings
from sensor.model.clock import SystemClock
from sensor.model.codec import to_wire
from sensor.model.counters import Counters
from sensor.model.errors import DeliveryError, PermanentError, RetryableError
from sensor.model.events import Header, Process, Task
from sensor.model.kinds import Lane
from sensor.model.protocols import Encoding, Roll, Shipper
from sensor.pipeline.batch import SealWhen, sealer
from sensor.pipeline.delivery import Delivery
from sensor.pipeline.encode import Encoded
from shippers import registry
from shippers.aws_client import Aws
from shippers.record_facts import facts
from shippers.s3 import bucket_address

AWS = ("kinesis", "firehose", "sqs", "s3")
BY_RECORD = ("kinesis", "firehose", "sqs")
TASK = Header(
    HEADER.sensor,
    Task("ecs-fargate", "123456789012", REGION, "shop", f"arn:aws:ecs:{REGION}:123456789012:task/shop/s1"),
)
each = pytest.mark.parametrize("name", AWS)


def records(*seqs: int, encoding: Encoding = Encoding.JSON, header: Header = TASK) -> list[bytes]:
    return [sealed.data for sealed in sealer(encoding, lambda: header, Counters())([encoded(seq) for seq in seqs])]


@asynccontextmanager
async def shipping(name: str, environ: dict[str, str], **settings: Any) -> Any:
    shipper = aws_far.shipper(name, environ, **settings)
    await shipper.open()
    try:
        yield shipper
    finally:
        await shipper.aclose()


def at(server: Loopback) -> dict[str, str]:
    return aws_far.KEYS | {"AWS_ENDPOINT_URL": server.address}


async def outcome(name: str, *answers: bytes | str, count: int = 3, **settings: Any) -> Any:
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
        return answer(200, {"Successful": [], "Failed": failed})
    key, count = ("Records", "FailedRecordCount") if name == "kinesis" else ("RequestResponses", "FailedPutCount")
    entries = [{"ErrorCode": code, "ErrorMessage": "m"} if code else {"SequenceNumber": "1"} for code in codes]
    return answer(200, {count: len([code for code in codes if code]), key: entries})


async def delivered(shipper: Shipper, items: Sequence[Encoded], counters: Counters, events: int) -> None:
    """Deliver all of them through the pipeline, so many events at once."""
    delivery = Delivery(
        shipper,
        header=lambda: TASK,
        counters=counters,
        clock=FakeClock(),
        max_bytes=2**24,
        seal_when=SealWhen(events=events, bytes=2**24),
    )
    for item in items:
        delivery.put(item)
    assert await delivery.flush(20)
    await delivery.aclose()


# Signatures and permissions


@each
async def test_a_wrong_secret_is_one_clear_line_and_tried_again(name: str, aws: AwsServer) -> None:
    settings = {"queue_url": aws.queue_url} if name == "sqs" else {}
    async with shipping(name, aws.environ(Keys(aws.sensor.id, "wr0ng-secret")), **settings) as shipper:
        with pytest.raises(RetryableError) as failed:
            await shipper.send(records(1))
    assert "SignatureDoesNotMatch" in str(failed.value)
    assert "check the role of this task" in str(failed.value)
    assert "wr0ng-secret" not in str(failed.value)
    assert "\n" not in str(failed.value)


@each
async def test_a_role_that_may_not_is_told_which_permission_it_needs(name: str, aws: AwsServer) -> None:
    settings = {"queue_url": aws.queue_url} if name == "sqs" else {}
    async with shipping(name, aws.environ(aws.stranger), **settings) as shipper:
        with pytest.raises(RetryableError, match=r"AccessDenied.*\(the role of this task needs \w+:(Put|Send)"):
            await shipper.send(records(1))


@pytest.mark.parametrize(
    ("name", "settings", "setting"),
    [
        ("kinesis", {"stream": "no-such"}, "SENSOR_KINESIS_STREAM"),
        ("firehose", {"stream": "no-such"}, "SENSOR_FIREHOSE_STREAM"),
        ("sqs", {"queue_url": f"https://sqs/123456789012/no-{QUEUE}"}, "SENSOR_SQS_QUEUE_URL"),
        ("s3", {"bucket": "no-such"}, "SENSOR_S3_BUCKET"),
    ],
)
async def test_what_is_not_there_is_named_by_its_setting(
    name: str, settings: dict[str, str], setting: str, aws: AwsServer
) -> None:
    async with shipping(name, aws.environ(), **settings) as shipper:
        with pytest.raises(RetryableError, match=rf"\(check {setting} and SENSOR_AWS_REGION\)"):
            await shipper.send(records(1))


async def test_a_web_identity_is_exchanged_for_keys_that_work(aws: AwsServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("header.payload.signature")
    environ = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": aws.role_arn, "AWS_ENDPOINT_URL": aws.url}
    await asyncio.to_thread(aws.empty)
    await asyncio.to_thread(aws.check_after, 1)  # moto would have the exchange signed, which has nothing to sign with
    async with shipping("kinesis", environ) as shipper:
        assert not await shipper.send(records(1, 2))
    assert await asyncio.to_thread(kinesis_records, aws) == records(1, 2)


# Bad days


@each
@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException", "SlowDown"])
async def test_throttling_is_obeyed(name: str, code: str) -> None:
    error = await outcome(name, answer(400, {"__type": f"com.amazonaws#{code}", "message": "slower"}, Retry_After="7"))
    assert isinstance(error, RetryableError)
    assert error.retry_after == 7.0
    assert f"{code}: slower" in str(error)


@each
@pytest.mark.parametrize("said", [answer(500), answer(503, "<html>"), answer(429), answer(302), answer(403)])
async def test_what_may_pass_is_tried_again(name: str, said: bytes) -> None:
    assert isinstance(await outcome(name, said), RetryableError)


@each
async def test_a_request_that_is_called_wrong_is_refused_and_the_next_one_is_not_held_up(name: str) -> None:
    wrong = answer(400, {"__type": "ValidationException", "message": "no"})
    counters = Counters()
    async with loopback(wrong, *[fine(name)] * 3) as server:
        roll = {"roll": Roll(2, 2**20, 60)} if name == "s3" else {}
        await delivered(aws_far.shipper(name, at(server), **roll), [encoded(seq) for seq in (1, 2, 3, 4)], counters, 2)
    assert (counters.losses["refused"], counters.seen["delivered"]) == (2, 2)


def fine(name: str) -> bytes:
    return failing(name, "") if name in BY_RECORD else answer(200)


@pytest.mark.parametrize("name", BY_RECORD)
async def test_only_the_records_that_failed_are_sent_again(name: str) -> None:
    counters = Counters()
    partial = failing(name, "", "InternalFailure", "", "InternalFailure")
    async with loopback(partial, failing(name, "", "")) as server:
        await delivered(aws_far.shipper(name, at(server)), [encoded(seq) for seq in (1, 2, 3, 4)], counters, 4)
    assert counters.seen["delivered"] == 4
    assert not counters.losses
    assert [[facts(one).seq for one in carried(name, r.body)] for r in server.requests] == [[1, 2, 3, 4], [2, 4]]


@pytest.mark.parametrize("name", BY_RECORD)
async def test_when_nothing_was_taken_the_reason_is_told(name: str) -> None:
    error = await outcome(name, failing(name, "ServiceUnavailable", "ServiceUnavailable"), count=2)
    assert isinstance(error, RetryableError)
    assert str(error) == f"{name} took none of 2 records: ServiceUnavailable: m"


async def test_a_message_that_is_refused_for_ever_holds_up_nobody() -> None:
    assert await outcome("sqs", failing("sqs", "", "InvalidMessageContents", senders_fault=True), count=2) == [1]
    error = await outcome("sqs", failing("sqs", "InvalidMessageContents", senders_fault=True), count=1)
    assert isinstance(error, PermanentError)
    assert "InvalidMessageContents" in str(error)


@pytest.mark.parametrize("name", BY_RECORD)
async def test_an_answer_that_is_none_is_tried_again(name: str) -> None:
    for said in (answer(200, []), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{[", answer(204)):
        assert isinstance(await outcome(name, said), RetryableError)


@each
async def test_a_slow_service_is_given_up(name: str) -> None:
    error = await outcome(name, HANG, patience=0.3)
    assert isinstance(error, RetryableError)
    assert "no answer" in str(error)


@each
async def test_the_clock_is_said_to_be_wrong_where_it_is(name: str) -> None:
    said = answer(403, {"__type": "InvalidSignatureException", "message": "Signature expired: 2020 is now earlier"})
    assert "clock of this machine is wrong" in str(await outcome(name, said))


@each
async def test_keys_stand_nowhere_but_in_the_signature(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = aws_far.KEYS["AWS_SECRET_ACCESS_KEY"]
    async with (
        loopback(answer(400, {"message": f"you hold {secret}"})) as server,
        shipping(name, at(server)) as shipper,
    ):
        with pytest.raises(DeliveryError) as failed:
            await shipper.send(records(1))
    assert "you hold <secret>" in str(failed.value)
    seen = [
        repr(Aws(REGION, at(server), SystemClock())),
        repr(failed.value),
        repr(failed.value.__cause__),
        *(r.getMessage() for r in caplog.records),
    ]
    assert not [text for text in seen if secret in text]
    assert secret.encode() not in b"".join(repr(request).encode() for request in server.requests)


@each
async def test_without_any_credentials_opening_says_what_to_do(name: str) -> None:
    with pytest.raises(PermanentError, match=r"no AWS credentials: give the task a role \(taskRoleArn\)"):
        await aws_far.shipper(name, {}).open()


async def test_keys_of_the_settings_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        aws_region=REGION,
        aws_access_key_id="AKIASETTINGS",
        aws_secret_access_key="hush",
        aws_session_token="t0ken",
        kinesis_stream="events",
    )
    async with loopback(fine("kinesis")) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", server.address)
        shipper = registry.make("kinesis", settings, FakeClock())
        await shipper.open()
        await shipper.send(records(1))
        await shipper.aclose()
    (request,) = server.requests
    assert f"Credential=AKIASETTINGS/20231114/{REGION}/kinesis/aws4_request" in request.headers["authorization"]
    assert request.headers["x-amz-security-token"] == "t0ken"


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


def carried(name: str, body: bytes) -> list[bytes]:
    """The records of a request, decoded as the service would."""
    if name == "s3":
        return gzip.decompress(body).splitlines()
    plain = json.loads(body)
    if name == "sqs":
        return [entry["MessageBody"].encode() for entry in plain["Entries"]]
    return [b64decode(entry["Data"]).removesuffix(b"\n") for entry in plain["Records"]]


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
async def test_a_retry_writes_the_same_object_again(aws: AwsServer, encoding: Encoding) -> None:
    await asyncio.to_thread(aws.empty)
    seal = sealer(encoding, lambda: TASK, Counters())
    plain = [to_wire(event()._replace(seq=seq, process=Process("e1", 7))) for seq in (7, 8, 9)]
    sent = [sealed.data for sealed in seal([Encoded(Lane.ORDINARY, p["seq"], msgpack.packb(p)) for p in plain])]
    bodies = []
    for _ in range(2):
        async with shipping("s3", aws.environ(), encoding=encoding) as shipper:
            assert not await shipper.send(sent)
        ((key, body),) = await asyncio.to_thread(objects, aws, BUCKET)
        bodies.append(body)
    day = f"fargate-sensor/account=123456789012/region={REGION}/eventDay=20231114"
    assert key == f"{day}/s1/epoch1-ordinary-000000000007-000000000009.jsonl.gz"
    assert bodies[0] == bodies[1]
    assert gzip.decompress(bodies[0]).splitlines() == sent


async def test_days_go_to_partitions_of_their_own_and_zstd_is_understood(aws: AwsServer) -> None:
    await asyncio.to_thread(aws.empty)
    late = encoded(2)
    later = msgpack.packb(to_wire(event()._replace(seq=2, time=event().time + 86_400 * 10**9)))
    (other,) = sealer(Encoding.JSON, lambda: TASK, Counters())([late._replace(data=later)])
    async with shipping("s3", aws.environ(), compression="zstd", prefix="") as shipper:
        assert not await shipper.send([*records(1), other.data, *records(3)])
    found = await asyncio.to_thread(objects, aws, BUCKET)
    start = f"account=123456789012/region={REGION}/eventDay=202311"
    assert [key for key, _ in found] == [
        f"{start}14/s1/epoch1-ordinary-000000000001-000000000003.jsonl.zst",
        f"{start}15/s1/epoch1-ordinary-000000000002-000000000002.jsonl.zst",
    ]
    assert [facts(line).seq for _, body in found for line in zstd.decompress(body).splitlines()] == [1, 3, 2]


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
