"""The AWS shippers against a server that checks signatures and policies, and against the answers of bad days."""

import asyncio
import logging
import ssl
from pathlib import Path

import aws_far
import pytest
from aws_sending import AWS, BY_RECORD, at, carried, delivered, failing, fine, outcome, records, shipping
from aws_server import QUEUE, REGION, AwsServer, Keys, kinesis_records
from certificates import write_certificate
from fakes import FakeClock
from fakes_pipeline import encoded
from loopback_http import HANG, answer, loopback

from sensor.config.settings import Settings
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.errors import DeliveryError, PermanentError, RetryableError
from shippers import registry
from shippers.aws_client import Aws
from shippers.record_facts import facts

each = pytest.mark.parametrize("name", AWS)


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
        for seqs in ((1, 2), (3, 4)):
            await delivered(aws_far.shipper(name, at(server)), [encoded(seq) for seq in seqs], counters, 2)
    assert (counters.losses["refused"], counters.seen["delivered"]) == (2, 2)


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


async def test_messages_are_not_refused_for_another_beside_them() -> None:
    said = {"Successful": [], "Failed": [failed_message("0", True), failed_message("1", False)]}
    error = await outcome("sqs", answer(200, said), count=2)
    assert isinstance(error, RetryableError)


def failed_message(of: str, senders_fault: bool) -> dict[str, object]:
    return {"Id": of, "Code": "InvalidMessageContents", "Message": "m", "SenderFault": senders_fault}


@pytest.mark.parametrize("name", BY_RECORD)
async def test_an_answer_that_is_none_is_tried_again(name: str) -> None:
    for said in (answer(200, []), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{[", answer(204)):
        assert isinstance(await outcome(name, said), RetryableError)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *[(name, {}) for name in BY_RECORD],
        *[(name, {"status": "blocked by policy"}) for name in BY_RECORD],
        ("kinesis", {"FailedRecordCount": 1, "Records": [{"SequenceNumber": "1"}]}),
        ("kinesis", {"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1"}] * 3}),
        ("kinesis", {"FailedRecordCount": 0, "Records": [None, {"ShardId": "1"}]}),
        ("firehose", {"FailedPutCount": 1, "RequestResponses": [{"RecordId": "1"}]}),
        ("firehose", {"FailedPutCount": 0, "RequestResponses": {"RecordId": "1"}}),
        ("sqs", {"Successful": [{"Id": "7"}, None, "0"]}),
    ],
)
async def test_what_an_answer_does_not_tell_of_is_tried_again(name: str, said: object) -> None:
    error = await outcome(name, answer(200, said), count=2)
    assert isinstance(error, RetryableError)
    assert str(error).endswith("took none of 2 records: the answer does not say that it was taken")


async def test_of_a_queue_what_is_named_neither_as_taken_nor_as_refused_is_sent_again() -> None:
    said = {"Successful": [{"Id": "1"}, {"Id": "2"}], "Failed": [{"Id": "2", "Code": "InternalError"}]}
    assert await outcome("sqs", answer(200, said)) == [0, 2]


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


@each
async def test_credentials_that_have_ended_are_replaced_for_the_next_request(name: str) -> None:
    keys = [answer(200, {"AccessKeyId": f"ASIA{n}", "SecretAccessKey": "hush", "Token": "t"}) for n in (1, 2)]
    ended = answer(400, {"__type": "ExpiredTokenException", "message": "ended"})
    async with loopback(*keys) as container, loopback(ended, fine(name)) as server:
        environ = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": container.address, "AWS_ENDPOINT_URL": server.address}
        async with shipping(name, environ) as shipper:
            with pytest.raises(RetryableError, match="the credentials have ended"):
                await shipper.send(records(1))
            await shipper.send(records(1))
    used = [request.headers["authorization"].partition("Credential=")[2][:5] for request in server.requests]
    assert used == ["ASIA1", "ASIA2"]


async def test_authorities_of_the_environment_are_trusted_and_missed_by_name(tmp_path: Path) -> None:
    write_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    async with loopback(fine("kinesis"), context=context) as server:
        async with shipping("kinesis", at(server)) as shipper:
            with pytest.raises(RetryableError, match=r"certificate verify failed.*\(check AWS_CA_BUNDLE\)"):
                await shipper.send(records(1))
        async with shipping("kinesis", at(server) | {"AWS_CA_BUNDLE": str(tmp_path / "tls.crt")}) as shipper:
            assert not await shipper.send(records(1))
