"""Where services are."""

import pytest

from sensor.model.errors import PermanentError
from shippers.aws_endpoints import endpoint


@pytest.mark.parametrize(
    ("service", "region", "environ", "address"),
    [
        ("kinesis", "eu-central-1", {}, "https://kinesis.eu-central-1.amazonaws.com"),
        ("sts", "cn-north-1", {}, "https://sts.cn-north-1.amazonaws.com.cn"),
        ("sqs", "eu-central-1", {"AWS_ENDPOINT_URL": "http://localhost:4566/"}, "http://localhost:4566"),
        (
            "firehose",
            "eu-central-1",
            {"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_FIREHOSE": "https://vpce-1.example"},
            "https://vpce-1.example",
        ),
        ("sqs", "eu-central-1", {"AWS_ENDPOINT_URL": f"http://{'a' * 63}."}, f"http://{'a' * 63}."),
        ("sqs", "eu-central-1", {"AWS_ENDPOINT_URL": "http://[::1]:4566"}, "http://[::1]:4566"),
        ("firehose", "eu-central-1", {"AWS_ENDPOINT_URL": " "}, "https://firehose.eu-central-1.amazonaws.com"),
    ],
)
def test_by_region_or_as_the_variables_say(service: str, region: str, environ: dict[str, str], address: str) -> None:
    assert endpoint(service, region, environ) == address


@pytest.mark.parametrize(
    "value",
    [
        "kinesis",
        "ftp://h",
        "http://",
        "http://u:pa55@h",
        "http://h:99999",
        "http://h?x=1",
        "http://[::1",
        "http://\u00e9",
        "http://vpce..example.com",
        f"http://{'a' * 64}.example.com",
    ],
)
def test_an_address_that_is_none_is_said_without_repeating_it(value: str) -> None:
    with pytest.raises(PermanentError, match=r"^AWS_ENDPOINT_URL_S3 should be http") as wrong:
        endpoint("s3", "eu-central-1", {"AWS_ENDPOINT_URL_S3": value})
    assert "pa55" not in str(wrong.value)
