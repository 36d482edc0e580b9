"""What AWS destinations need, told before anything is sent."""

import pytest

from sensor.commands.second_stage import environment
from sensor.config.validate import check

PREFIXES = "should be of letters, digits and ! - _ . * ' ( ) / =, without . and .. between slashes"
QUEUE = "https://sqs.eu-central-1.amazonaws.com/123456789012/events"
ALL = {
    "AWS_REGION": "eu-central-1",
    "SENSOR_DESTINATIONS": "kinesis,firehose,sqs,s3",
    "SENSOR_KINESIS_STREAM": "events",
    "SENSOR_FIREHOSE_STREAM": "events",
    "SENSOR_SQS_QUEUE_URL": f"{QUEUE}.fifo",
    "SENSOR_S3_BUCKET": "my.events",
}


def test_what_is_complete_is_fine() -> None:
    checked = check(ALL)
    assert checked.problems == ()
    assert checked.settings.aws_region == "eu-central-1"


@pytest.mark.parametrize(
    ("environ", "region"),
    [
        ({}, None),
        ({"AWS_DEFAULT_REGION": "us-east-1"}, "us-east-1"),
        ({"AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "us-east-2"}, "us-east-2"),
        ({"AWS_REGION": "us-east-2", "SENSOR_AWS_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_REGION": " ", "AWS_DEFAULT_REGION": "us-east-1"}, "us-east-1"),
    ],
)
def test_the_region_is_the_platforms_unless_it_is_set(environ: dict[str, str], region: str | None) -> None:
    assert check(environ | {"SENSOR_DESTINATIONS": "stdout"}).settings.aws_region == region


def test_all_that_is_missing_is_told_at_once() -> None:
    assert sorted(check({"SENSOR_DESTINATIONS": "kinesis,firehose,sqs,s3"}).problems) == [
        "SENSOR_AWS_REGION: missing, and AWS_REGION is not set; kinesis and firehose and sqs and s3 need it",
        "SENSOR_FIREHOSE_STREAM: missing; firehose needs it, a delivery stream's name",
        "SENSOR_KINESIS_STREAM: missing; kinesis needs it, a stream's name or ARN",
        "SENSOR_S3_BUCKET: missing; s3 needs it, a bucket's name",
        f"SENSOR_SQS_QUEUE_URL: missing; sqs needs it, for example {QUEUE}",
    ]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SENSOR_AWS_REGION", "Frankfurt!", "should be a region, such as eu-central-1, got 'Frankfurt!'"),
        ("SENSOR_KINESIS_STREAM", "a b", "should be a stream's name or ARN, got 'a b'"),
        ("SENSOR_KINESIS_STREAM", "arn:aws:sns:x:1:y", "should be a stream's name or ARN, got 'arn:aws:sns:x:1:y'"),
        ("SENSOR_FIREHOSE_STREAM", "a/b", "should be a delivery stream's name, got 'a/b'"),
        ("SENSOR_S3_BUCKET", "s3://events", "should be a bucket's name, got 's3://events'"),
        ("SENSOR_S3_PREFIX", "a b", f"{PREFIXES}, got 'a b'"),
        *[("SENSOR_S3_PREFIX", odd, f"{PREFIXES}, got '{odd}'") for odd in ("..", "./x", "x/.", "a/./b/..")],
        ("SENSOR_S3_PREFIX", "a/../b", f"{PREFIXES}, got 'a/../b'"),
        ("SENSOR_S3_COMPRESSION", "lz4", "should be 'gzip' or 'zstd', got 'lz4'"),
    ],
)
def test_a_name_that_cannot_be_one_is_told(name: str, value: str, problem: str) -> None:
    assert check(ALL | {name: value}).problems == (f"{name}: {problem}",)


@pytest.mark.parametrize(
    "url",
    [
        "events",
        "https://sqs.example",
        "https://u:pa55@sqs/1/q",
        "ftp://sqs/1/q",
        "https://sqs/1/q?x=1",
        "http://[::1",
        "http://a..b/1/q",
    ],
)
def test_a_queue_that_cannot_be_one_is_told_without_its_password(url: str) -> None:
    (problem,) = check(ALL | {"SENSOR_SQS_QUEUE_URL": url}).problems
    assert problem == "SENSOR_SQS_QUEUE_URL: should be https:// or http://, a host, an account and a queue's name"


@pytest.mark.parametrize("prefix", ["", "a/.well-known/b..c", "...", "a//b"])
def test_a_dot_in_a_name_is_no_step_of_a_path(prefix: str) -> None:
    assert check(ALL | {"SENSOR_S3_PREFIX": prefix}).problems == ()


@pytest.mark.parametrize("stream", ["events", "arn:aws:kinesis:eu-central-1:123456789012:stream/events"])
def test_a_stream_is_named_by_its_name_or_its_arn(stream: str) -> None:
    assert check(ALL | {"SENSOR_KINESIS_STREAM": stream}).problems == ()


def test_keys_come_under_both_names_and_are_secrets() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "hush-hush", "AWS_SESSION_TOKEN": "t0ken"}
    for environ in (keys, {f"SENSOR_{name}": value for name, value in keys.items()}):
        checked = check(ALL | environ)
        assert checked.problems == ()
        found = checked.settings
        assert (found.aws_access_key_id, found.aws_secret_access_key, found.aws_session_token) == (
            "AKIA1",
            "hush-hush",
            "t0ken",
        )
        assert "hush" not in repr(found)
        assert "t0ken" not in repr(found)


def test_keys_for_the_sensor_do_not_go_with_a_session_of_others() -> None:
    others = {"AWS_ACCESS_KEY_ID": "ASIA", "AWS_SECRET_ACCESS_KEY": "theirs", "AWS_SESSION_TOKEN": "their-session"}
    ours = {"SENSOR_AWS_ACCESS_KEY_ID": "AKIA1", "SENSOR_AWS_SECRET_ACCESS_KEY": "hush-hush"}
    found = check(ALL | others | ours).settings
    assert (found.aws_access_key_id, found.aws_secret_access_key, found.aws_session_token) == (
        "AKIA1",
        "hush-hush",
        None,
    )
    assert check(ALL | others | {"SENSOR_AWS_ACCESS_KEY_ID": "AKIA1"}).problems == (
        "SENSOR_AWS_SECRET_ACCESS_KEY: missing; a key and its secret are only set together",
    )


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_a_key_is_told(name: str) -> None:
    other = ({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} - {name}).pop()
    assert check(ALL | {name: "x"}).problems == (
        f"SENSOR_{other}: missing; a key and its secret are only set together",
    )


def test_what_was_taken_over_is_not_in_the_environment_of_the_second_stage() -> None:
    left = environment({"AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "x", "SENSOR_A": "x", "AWS_ROLE_ARN": "r"})
    assert left == {"AWS_ROLE_ARN": "r"}


def test_without_an_aws_destination_region_and_keys_are_none_of_our_business() -> None:
    odd = {"AWS_REGION": "Not One!", "AWS_ACCESS_KEY_ID": "half", "SENSOR_DESTINATIONS": "stdout"}
    assert check(odd).problems == ()
