"""Where events go, as people say it on a command line, made into the sensor's variables."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from deploy.sidecar.variables import mistake

FORMS = "kinesis:STREAM, firehose:STREAM, sqs:URL, s3:BUCKET[/PREFIX] or stdout"

CHOICE = "SENSOR_DESTINATIONS"
VARIABLES = frozenset(
    {
        CHOICE,
        "SENSOR_INGEST_URL",
        "SENSOR_KINESIS_STREAM",
        "SENSOR_FIREHOSE_STREAM",
        "SENSOR_SQS_QUEUE_URL",
        "SENSOR_S3_BUCKET",
        "SENSOR_S3_PREFIX",
    }
)
"""All that say where events go. Who names a destination replaces all of them."""

INGEST = "ingest_http"

PERMISSIONS: Mapping[str, str] = {
    "kinesis": "kinesis:PutRecords",
    "firehose": "firehose:PutRecordBatch",
    "sqs": "sqs:SendMessage",
    "s3": "s3:PutObject",
}
"""What the role of the task must be allowed, by destination (docs/destinations.md)."""

_NAMED_BY = {
    INGEST: "SENSOR_INGEST_URL",
    "kinesis": "SENSOR_KINESIS_STREAM",
    "firehose": "SENSOR_FIREHOSE_STREAM",
    "sqs": "SENSOR_SQS_QUEUE_URL",
    "s3": "SENSOR_S3_BUCKET",
}


class NoDestination(ValueError):
    """What was said names no destination. The text says what would."""


class Destination(NamedTuple):
    """One destination and the variables that it needs."""

    name: str
    variables: Mapping[str, str]


def ingest(url: str) -> Destination:
    """The central endpoint at an address. Raises `NoDestination`, without the address: it may hold a password."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.username is not None or parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise NoDestination("an ingest is http:// or https://, a host, and perhaps a port and a path")
    return Destination(INGEST, {"SENSOR_INGEST_URL": url})


def parse(text: str) -> Destination:
    """One of `FORMS`. Raises `NoDestination`."""
    name, colon, rest = text.partition(":")
    if name == "stdout" and not colon:
        return Destination(name, {})
    if name not in PERMISSIONS or not rest or not rest.isprintable() or " " in rest or "," in rest:
        raise NoDestination(f"{ascii(text)[:80]} is no destination; there are {FORMS}")
    bucket, _, prefix = rest.partition("/")
    in_bucket = {"SENSOR_S3_BUCKET": bucket} | ({"SENSOR_S3_PREFIX": prefix} if prefix else {})
    variables = in_bucket if name == "s3" else {_NAMED_BY[name]: rest}
    for one in variables.items():
        if wrong := mistake(*one):
            raise NoDestination(wrong)
    return Destination(name, variables)


def environment(destinations: Iterable[Destination]) -> dict[str, str]:
    """The variables of several destinations together. `ingest_http` alone is the default and is not said."""
    chosen = list(destinations)
    names = list(dict.fromkeys(one.name for one in chosen))
    said = {} if names in ([], [INGEST]) else {CHOICE: ",".join(names)}
    for one in chosen:
        said |= one.variables
    return said


def named(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The destinations that an environment names."""
    said = environment.get(CHOICE, "")
    names = tuple(name.strip() for name in said.split(",") if name.strip())
    return names or ((INGEST,) if environment.get("SENSOR_INGEST_URL") else ())


def lacking(environment: Mapping[str, str]) -> list[str]:
    """The variables without which the destinations that an environment names get nothing."""
    return [
        variable
        for name in named(environment)
        if (variable := _NAMED_BY.get(name)) is not None and not environment.get(variable, "").strip()
    ]
