"""What errors of AWS mean, and what the user is told to do."""

import pytest

from sensor.model.errors import PermanentError, RetryableError
from shippers.aws_outcome import Aim, Said, about_keys, fault, said

AIM = Aim("kinesis", "SENSOR_KINESIS_STREAM", "kinesis:PutRecords on the stream")


@pytest.mark.parametrize(
    ("body", "code", "found"),
    [
        (b'{"__type":"com.amazonaws.x#NoSuchThing","message":"m"}', "", Said("NoSuchThing", "m")),
        (b'{"__type":"Throttled","Message":"M"}', "", Said("Throttled", "M")),
        (b'{"message":"m"}', "Denied:http://internal.amazon.com/", Said("Denied", "m")),
        (b"<Error><Code>SlowDown</Code><Message>less</Message></Error>", "", Said("SlowDown", "less")),
        (b"<Error><Code>SlowDown</Co", "Header", Said("SlowDown", "")),
        (b"<html>", "", Said("", "")),
        (b"", "FromHeader", Said("FromHeader", "")),
        (b"[" * 100_000, "", Said("", "")),
        (b'{"__type":7,"message":["x"]}', "", Said("7", "['x']")),
    ],
)
def test_errors_are_read_in_every_form(body: bytes, code: str, found: Said) -> None:
    assert said(body, code) == found


def test_what_others_said_is_one_short_line() -> None:
    assert str(Said("A", "b\n\x1b[31m" + "x" * 999)) == "A: b [31m" + "x" * 191
    assert str(Said("", "")) == "no reason given"


@pytest.mark.parametrize(
    ("code", "message", "advice"),
    [
        ("ExpiredTokenException", "", "the credentials have ended; new ones are asked for"),
        ("InvalidSignatureException", "Signature expired: 2020", "the clock of this machine is wrong"),
        ("RequestTimeTooSkewed", "", "the clock of this machine is wrong"),
        ("UnrecognizedClientException", "", "check the role of this task, or the AWS_* keys"),
        ("AccessDeniedException", "", "the role of this task needs kinesis:PutRecords on the stream"),
        ("KMSAccessDeniedException", "", "the role of this task needs kinesis:PutRecords on the stream"),
        ("KmsDisabled", "", "the role of this task needs kinesis:PutRecords on the stream"),
        ("KmsInvalidKeyUsage", "", "the role of this task needs kinesis:PutRecords on the stream"),
        ("InvalidKMSResourceException", "", "the role of this task needs kinesis:PutRecords on the stream"),
        ("ResourceNotFoundException", "", "check SENSOR_KINESIS_STREAM and SENSOR_AWS_REGION"),
        ("InvalidAddress", "", "check SENSOR_KINESIS_STREAM, SENSOR_AWS_REGION or AWS_ENDPOINT_URL"),
        ("UnknownOperationException", "", "check SENSOR_KINESIS_STREAM, SENSOR_AWS_REGION or AWS_ENDPOINT_URL"),
        ("InvalidBucketName", "", "check SENSOR_KINESIS_STREAM and SENSOR_AWS_REGION"),
        (
            "SignatureDoesNotMatch",
            "Credential should be scoped to a valid region, not 'eu-west-1'.",
            "check SENSOR_KINESIS_STREAM, SENSOR_AWS_REGION or AWS_ENDPOINT_URL",
        ),
        (
            "InvalidSignatureException",
            "Credential should be scoped to correct service: 'sqs'.",
            "check SENSOR_KINESIS_STREAM, SENSOR_AWS_REGION or AWS_ENDPOINT_URL",
        ),
        (
            "InvalidArgumentException",
            "This operation is not permitted on KinesisStreamAsSource delivery stream type.",
            "SENSOR_KINESIS_STREAM has another source: it needs one of the type DirectPut",
        ),
        ("MissingAuthenticationToken", "", "check the role of this task, or the AWS_* keys"),
        ("PermanentRedirect", "", "SENSOR_KINESIS_STREAM is in another region: check SENSOR_AWS_REGION"),
        ("TemporaryRedirect", "", "SENSOR_KINESIS_STREAM is in another region: check SENSOR_AWS_REGION"),
        ("AuthorizationHeaderMalformed", "", "SENSOR_KINESIS_STREAM is in another region: check SENSOR_AWS_REGION"),
    ],
)
@pytest.mark.parametrize("status", [400, 403, 404])
def test_what_can_be_mended_is_tried_again_and_says_how(code: str, message: str, advice: str, status: int) -> None:
    error = fault(AIM, status, Said(code, message))
    assert isinstance(error, RetryableError)
    assert str(error).endswith(f"{advice})")


@pytest.mark.parametrize(
    "code",
    [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "KMSThrottlingException",
        "KmsThrottled",
        "SlowDown",
        "OperationAborted",
        "IncompleteBody",
        "BadDigest",
        "ResourceInUseException",
    ],
)
def test_throttling_and_what_went_wrong_on_the_way_waits_as_long_as_is_asked_for(code: str) -> None:
    error = fault(AIM, 400, Said(code, ""), 3.0)
    assert isinstance(error, RetryableError)
    assert error.retry_after == 3.0


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_given_the_time_that_it_asks_for_whatever_its_code(status: int) -> None:
    error = fault(AIM, status, Said("Unheard", ""), 3.0)
    assert isinstance(error, RetryableError)
    assert error.retry_after == 3.0


@pytest.mark.parametrize("status", [204, 307, 403])
def test_whatever_is_forbidden_or_no_answer_to_a_request_is_tried_again(status: int) -> None:
    error = fault(AIM, status, Said("AccountProblem", "no"))
    assert isinstance(error, RetryableError)
    assert str(error).endswith("(check the role of this task, the region and proxies)")


@pytest.mark.parametrize("status", [400, 404, 413])
def test_what_the_service_calls_wrong_is_refused(status: int) -> None:
    assert isinstance(fault(AIM, status, Said("ValidationException", "no")), PermanentError)


@pytest.mark.parametrize(
    "status", [100, 204, 302, 400, 401, 403, 404, 405, 407, 408, 410, 421, 425, 426, 429, 500, 503]
)
@pytest.mark.parametrize("body", [b"", b"<html><title>Not here</title></html>", b'{"message":"no route"}'])
def test_an_answer_of_something_else_is_tried_again(status: int, body: bytes) -> None:
    assert isinstance(fault(AIM, status, said(body)), RetryableError)


def test_what_is_too_large_for_a_proxy_holds_nothing_up() -> None:
    assert isinstance(fault(AIM, 413, said(b"<html>Request Entity Too Large</html>")), PermanentError)


@pytest.mark.parametrize("status", [400, 404, 407, 421])
def test_an_answer_of_something_else_says_what_to_check(status: int) -> None:
    error = fault(AIM, status, Said("", ""))
    assert str(error).endswith("(check AWS_ENDPOINT_URL, SENSOR_KINESIS_STREAM and proxies)")


@pytest.mark.parametrize(
    ("code", "other_keys"),
    [("ExpiredToken", True), ("SignatureDoesNotMatch", True), ("AccessDenied", True), ("SlowDown", False)],
)
def test_whether_other_keys_would_help(code: str, other_keys: bool) -> None:
    assert about_keys(Said(code, "")) is other_keys
