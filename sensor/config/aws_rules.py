"""Rules for the AWS destinations: what each needs, and what its name may look like."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from sensor.config.problem import Problem, got
from sensor.config.settings import Settings
from sensor.model.hostname import is_resolvable

NEEDS = {
    "kinesis": ("kinesis_stream", "a stream's name or ARN"),
    "firehose": ("firehose_stream", "a delivery stream's name"),
    "sqs": ("sqs_queue_url", "for example https://sqs.eu-central-1.amazonaws.com/123456789012/events"),
    "s3": ("s3_bucket", "a bucket's name"),
}
"""The setting that each destination cannot do without, and what it looks like."""

_REGION = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_NAMES = {
    "kinesis_stream": (
        re.compile(r"[\w.-]{1,128}|arn:[\w-]+:kinesis:[\w-]*:\d{12}:stream/[\w.-]{1,128}", re.ASCII),
        "a stream's name or ARN",
    ),
    "firehose_stream": (re.compile(r"[\w.-]{1,64}", re.ASCII), "a delivery stream's name"),
    "s3_bucket": (re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII), "a bucket's name"),
    "s3_prefix": (
        re.compile(r"(?!(.*/)?\.\.?(/|$))[\w!.*'()/=-]{0,512}", re.ASCII),
        "of letters, digits and ! - _ . * ' ( ) / =, without . and .. between slashes",
    ),
}
"""What the services themselves allow, and S3 calls safe in keys (Amazon S3 User Guide, naming object keys)."""


def problems(settings: Settings) -> Iterator[Problem]:
    """What AWS destinations lack; where none is in use, region and keys are not ours."""
    wanted: list[str] = [name for name in NEEDS if name in settings.destinations]
    for destination in wanted:
        name, example = NEEDS[destination]
        if not getattr(settings, name):
            yield Problem(name, f"missing; {destination} needs it, {example}")
    if settings.ingest_identity == "aws" and "ingest_http" in settings.destinations:
        wanted.append("ingest_identity aws")
    if wanted:
        yield from _identity(settings, " and ".join(wanted))


def of_values(settings: Settings) -> Iterator[Problem]:
    """What names and addresses are wrong by themselves."""
    for name, (pattern, looks) in _NAMES.items():
        value = getattr(settings, name)
        if value is not None and not pattern.fullmatch(value):
            yield Problem(name, f"should be {looks}", got(value))
    if settings.sqs_queue_url and not _is_queue(settings.sqs_queue_url):
        yield Problem("sqs_queue_url", "should be https:// or http://, a host, an account and a queue's name")


def _identity(settings: Settings, wanted: str) -> Iterator[Problem]:
    if not settings.aws_region:
        yield Problem("aws_region", f"missing, and AWS_REGION is not set; {wanted} need it")
    elif not _REGION.fullmatch(settings.aws_region):
        yield Problem("aws_region", "should be a region, such as eu-central-1", got(settings.aws_region))
    if bool(settings.aws_access_key_id) != bool(settings.aws_secret_access_key):
        lacking = "aws_secret_access_key" if settings.aws_access_key_id else "aws_access_key_id"
        yield Problem(lacking, "missing; a key and its secret are only set together")


def _is_queue(text: str) -> bool:
    """The address is not repeated: it may hold a password."""
    try:
        url = urlsplit(text)
        host = is_resolvable(url.hostname or "")
        plain = url.username is None and not url.query and not url.fragment and url.port != 0
    except ValueError:
        return False
    path = re.fullmatch(r"/(?:queue/)?[\w/-]+\.?\w*", url.path, re.ASCII)
    return bool(url.scheme in ("http", "https") and host and plain and path and text.isascii())
