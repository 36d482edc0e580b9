"""A GetCallerIdentity request that a sensor has signed and not sent, checked before anything of it is used.

The sender gives a host and headers, nothing else: method, path and body are ours, so no other action of STS and no
other service can be reached with what it sends. The headers are an exact list, each of them signed, and one of them
names the ingest: a request that was meant for another one is refused (as aws-iam-authenticator's and Vault's are).
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from ingest.answers import Refused
from sensor.model.clock import Clock
from sensor.model.times import NS

METHOD = "POST"
PATH = "/"
BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
INGEST_HEADER = "x-fargate-sensor-ingest"
"""Holds the host name of the ingest that the request is meant for."""

NEEDED = frozenset({"authorization", "content-type", "host", "x-amz-date", INGEST_HEADER})
ALLOWED = NEEDED | {"x-amz-security-token"}
SKEW_S = 300
"""How far the sender's clock, and the way here, may put the time of signing from ours. STS has a bound of its own."""

LONGEST_HEADER = 8192
_HOST = re.compile(
    r"sts(?:-fips)?\.(?:(?P<region>[a-z]{2}(?:-[a-z]+){1,3}-\d{1,2})\.)?amazonaws\.com(?P<china>\.cn)?", re.ASCII
)
"""Names that only AWS gives out: `sts`, at most a region, and its domain. Buckets and load balancers fit nowhere."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[A-Z0-9]{16,128}/(?P<day>\d{8})/(?P<region>[a-z0-9-]{1,64})/sts/aws4_request, "
    r"SignedHeaders=(?P<signed>[a-z0-9;-]{1,256}), Signature=[0-9a-f]{64}",
    re.ASCII,
)
_VALUE = re.compile(r"[ -~]+", re.ASCII)
GLOBAL_REGION = "us-east-1"
"""What requests to the global endpoint are signed for (AWS General Reference, AWS STS endpoints)."""


class SignedRequest(NamedTuple):
    """What may be sent to STS as it is. `partition` is that of the endpoint."""

    host: str
    partition: str
    headers: Mapping[str, str]


def checked(plain: object, hosts: Collection[str], clock: Clock) -> SignedRequest:
    """The request in a login. `hosts` are the names of this ingest. Raises `Refused` (400, or 401 for another's)."""
    if not isinstance(plain, dict) or set(plain) != {"host", "headers"}:
        raise Refused(400, "aws: should be an object with host and headers, and nothing else")
    host, headers = plain["host"], _headers(plain["headers"])
    partition, region = _place(host)
    if headers["host"] != host:
        raise Refused(400, "aws.headers: host should be the one that the request is for")
    if headers["content-type"] != CONTENT_TYPE:
        raise Refused(400, f"aws.headers: content-type should be {CONTENT_TYPE}")
    _check_signature(headers, region)
    _check_time(headers["x-amz-date"], clock)
    if headers[INGEST_HEADER] not in hosts:
        raise Refused(401, f"aws: signed for the ingest {headers[INGEST_HEADER][:100]!r}, which this is not")
    return SignedRequest(host, partition, headers)


def _headers(plain: object) -> dict[str, str]:
    """Exactly the headers that are needed, in lower case, each once and without anything that could end it early."""
    if not isinstance(plain, dict):
        raise Refused(400, "aws.headers: should be an object")
    headers = {name.lower(): value for name, value in plain.items()}
    if len(headers) != len(plain) or not NEEDED <= headers.keys() <= ALLOWED:
        wanted = ", ".join(sorted(NEEDED))
        raise Refused(400, f"aws.headers: should be {wanted}, perhaps x-amz-security-token, each once, and no other")
    for name, value in headers.items():
        if not isinstance(value, str) or len(value) > LONGEST_HEADER or not _VALUE.fullmatch(value):
            raise Refused(400, f"aws.headers: {name} should be at most {LONGEST_HEADER} printable ASCII characters")
    return headers


def _place(host: object) -> tuple[str, str]:
    """Partition and region of an endpoint of STS."""
    found = _HOST.fullmatch(host) if isinstance(host, str) else None
    region = found["region"] if found else None
    if found is None or (region or "").startswith("cn-") != bool(found["china"]):
        raise Refused(400, "aws.host: should be an endpoint of STS, such as sts.eu-central-1.amazonaws.com")
    if found["china"]:
        return "aws-cn", str(region)
    return ("aws-us-gov" if (region or "").startswith("us-gov-") else "aws"), region or GLOBAL_REGION


def _check_signature(headers: Mapping[str, str], region: str) -> None:
    """All of the headers are signed, for STS in the region of the endpoint; whether rightly, STS says."""
    found = _AUTHORIZATION.fullmatch(headers["authorization"])
    if found is None:
        raise Refused(400, "aws.headers: authorization should be a signature of version 4 for sts")
    if found["signed"].split(";") != sorted(headers.keys() - {"authorization"}):
        raise Refused(400, "aws.headers: every header should be signed")
    if found["region"] != region or found["day"] != headers["x-amz-date"][:8]:
        raise Refused(400, "aws.headers: authorization should be for the region of the host and the day of x-amz-date")


def _check_time(text: str, clock: Clock) -> None:
    try:
        signed = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Refused(400, "aws.headers: x-amz-date should be a time such as 20261126T211103Z") from None
    off = round(signed.timestamp() - clock.wall() / NS)
    if abs(off) > SKEW_S:
        side = "after" if off > 0 else "before"
        raise Refused(401, f"aws: signed {abs(off)} s {side} the ingest's time, may be {SKEW_S}: check the clocks")
