"""What is sent on to STS is exactly what may be, whoever sent it to us."""

from typing import Any

import pytest
from fakes import FakeClock
from logins import INGEST, aws_login

from ingest.answers import Refused
from ingest.identity.sts_request import SKEW_S, checked


async def refused(clock: FakeClock | None = None, **changes: Any) -> Refused:
    """How a login is refused whose headers were changed on the way; None takes one away."""
    clock = clock or FakeClock()
    plain = (await aws_login(FakeClock()))["aws"]
    headers = plain["headers"] | changes
    plain["headers"] = {name: value for name, value in headers.items() if value is not None}
    with pytest.raises(Refused) as caught:
        checked(plain, (INGEST,), clock)
    return caught.value


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1", "ap-southeast-3", "us-gov-west-1", "cn-north-1"])
async def test_what_the_sensor_signs_is_taken(region: str) -> None:
    plain = (await aws_login(FakeClock(), region=region))["aws"]
    request = checked(plain, (INGEST,), FakeClock())
    assert request.host == f"sts.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
    assert request.partition == {"us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}.get(region, "aws")
    assert request.headers == plain["headers"]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "sts.eu-central-1.amazonaws.com.evil.example",
        "evil.example/sts.eu-central-1.amazonaws.com",
        "user@sts.eu-central-1.amazonaws.com",
        "sts.eu-central-1.amazonaws.com:8443",
        "sts.eu-central-1.amazonaws.com#",
        "sts.eu-central-1.amazonaws.com\n",
        "STS.eu-central-1.amazonaws.com",
        "sts.s3-us-west-2.amazonaws.com",  # a bucket that somebody calls sts
        "sts.s3.amazonaws.com",
        "sts.eu-central-1.elb.amazonaws.com",
        "xsts.eu-central-1.amazonaws.com",
        "sts.eu-central-1.amazonaws.com.cn",
        "sts.cn-north-1.amazonaws.com",
        "169.254.169.254",
        "",
        None,
        ["sts.amazonaws.com"],
    ],
)
async def test_nobody_but_sts_is_asked(host: object) -> None:
    plain = (await aws_login(FakeClock()))["aws"] | {"host": host}
    with pytest.raises(Refused, match=r"aws\.host: should be an endpoint of STS") as caught:
        checked(plain, (INGEST,), FakeClock())
    assert caught.value.status == 400


async def test_a_request_that_was_meant_for_another_ingest_is_refused() -> None:
    plain = (await aws_login(FakeClock(), ingest="other.example.org"))["aws"]
    with pytest.raises(Refused, match=r"signed for the ingest 'other\.example\.org', which this is not") as caught:
        checked(plain, (INGEST, "ingest.internal"), FakeClock())
    assert caught.value.status == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"x-amz-target": "AWSSecurityTokenServiceV20110615.AssumeRole"},
        {"x-forwarded-host": "evil.example"},
        {"transfer-encoding": "chunked"},
        {"content-length": "0"},
        {"Authorization": "twice, by another case"},
        {"x-amz-date": None},
        {"x-fargate-sensor-ingest": None},
        {"host": None},
        {"authorization": None},
    ],
)
async def test_the_headers_are_an_exact_list(changes: dict[str, str | None]) -> None:
    error = await refused(**changes)
    assert (error.status, "and no other" in error.reason) == (400, True)


@pytest.mark.parametrize("name", ["x-fargate-sensor-ingest", "authorization", "x-amz-security-token", "content-type"])
@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "ä", "\0", "", 7, ["a"], {"a": 1}, "x" * 8193])
async def test_no_header_can_smuggle_another(name: str, value: object) -> None:
    error = await refused(**{name: value})
    assert (error.status, f"{name} should be at most 8192 printable" in error.reason) == (400, True)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("host;", "", "every header should be signed"),
        (";x-fargate-sensor-ingest", "", "every header should be signed"),
        ("content-type;", "content-type;accept;", "every header should be signed"),
        ("eu-central-1/sts", "us-east-1/sts", "for the region of the host"),
        ("/20231114/", "/20231113/", "the day of x-amz-date"),
        ("/sts/", "/iam/", "a signature of version 4 for sts"),
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "a signature of version 4 for sts"),
        ("Signature=", "Signature=0", "a signature of version 4 for sts"),
        ("Credential=", "Credential=x, Credential=", "a signature of version 4 for sts"),
    ],
)
async def test_what_is_not_signed_as_it_should_be_is_not_sent(before: str, after: str, reason: str) -> None:
    given = (await aws_login(FakeClock()))["aws"]["headers"]["authorization"]
    assert before in given
    error = await refused(authorization=given.replace(before, after))
    assert (error.status, reason in error.reason) == (400, True)


@pytest.mark.parametrize("changes", [{"host": "sts.us-east-1.amazonaws.com"}, {"content-type": "text/plain"}])
async def test_host_and_content_type_are_ours(changes: dict[str, str]) -> None:
    assert (await refused(**changes)).status == 400


@pytest.mark.parametrize("seconds", [-SKEW_S, 0, SKEW_S])
async def test_clocks_may_differ_a_little(seconds: int) -> None:
    clock = FakeClock()
    plain = (await aws_login(clock))["aws"]
    clock.jump(seconds)
    assert checked(plain, (INGEST,), clock).host


@pytest.mark.parametrize(("seconds", "side"), [(SKEW_S + 1, "before"), (-SKEW_S - 1, "after"), (86_400, "before")])
async def test_an_old_request_and_one_from_the_future_are_refused(seconds: int, side: str) -> None:
    clock = FakeClock()
    clock.jump(seconds)
    error = await refused(clock)
    assert error.status == 401
    assert f"signed {abs(seconds)} s {side} the ingest's time" in error.reason


@pytest.mark.parametrize("date", ["yesterday", "20231114T221320", "20231314T221320Z", "2023-11-14T22:13:20Z"])
async def test_a_time_that_is_none_is_refused(date: str) -> None:
    assert (await refused(**{"x-amz-date": date})).status == 400


NO_REQUESTS = [None, [], "x", {}, {"host": "sts.amazonaws.com"}, {"host": "x", "headers": 1, "body": "x"}]


@pytest.mark.parametrize("plain", NO_REQUESTS)
def test_what_is_no_request_at_all_is_refused(plain: object) -> None:
    with pytest.raises(Refused, match="should be an object with host and headers, and nothing else"):
        checked(plain, (INGEST,), FakeClock())


@pytest.mark.parametrize("headers", [None, [], "x", {}])
def test_headers_that_are_none_are_refused(headers: object) -> None:
    with pytest.raises(Refused, match=r"aws\.headers"):
        checked({"host": "sts.amazonaws.com", "headers": headers}, (INGEST,), FakeClock())
