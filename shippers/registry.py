"""Destinations by name. A shipper's module, and what it imports, is loaded only when its name is asked for."""

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from sensor.model.clock import Clock
from sensor.model.errors import WrongConfiguration
from sensor.model.protocols import Encoding, Roll, Shipper
from shippers import ingest_form
from shippers.late import Late

if TYPE_CHECKING:
    from shippers.aws_client import Aws
    from shippers.ingest_login import IngestLogin

S3_EVENTS = 2_500
"""An object holds at most so many events: it is in memory twice for a moment."""

AWS_LOGIN, POD_LOGIN = "ingest_identity aws", "ingest_identity kubernetes"
"""Who needs a setting, as it is told."""

ENCODINGS: Mapping[str, Encoding] = {"native": Encoding.JSON, "ocsf": Encoding.OCSF}
"""By the word in the settings."""


class ShipperSettings(Protocol):
    """The settings that shippers look at, by the names they have in the configuration."""

    @property
    def ingest_url(self) -> str | None: ...

    @property
    def ingest_token(self) -> str | None: ...

    @property
    def ingest_token_file(self) -> str | None: ...

    @property
    def ingest_identity(self) -> str: ...

    @property
    def ingest_identity_file(self) -> str | None: ...

    @property
    def ingest_ca_file(self) -> str | None: ...

    @property
    def stdout_format(self) -> str: ...

    @property
    def stdout_line_bytes(self) -> int: ...

    @property
    def aws_region(self) -> str | None: ...

    @property
    def aws_access_key_id(self) -> str | None: ...

    @property
    def aws_secret_access_key(self) -> str | None: ...

    @property
    def aws_session_token(self) -> str | None: ...

    @property
    def aws_format(self) -> str: ...

    @property
    def kinesis_stream(self) -> str | None: ...

    @property
    def firehose_stream(self) -> str | None: ...

    @property
    def sqs_queue_url(self) -> str | None: ...

    @property
    def s3_bucket(self) -> str | None: ...

    @property
    def s3_prefix(self) -> str: ...

    @property
    def s3_compression(self) -> str: ...

    @property
    def s3_age(self) -> float: ...


def make(name: str, settings: ShipperSettings, clock: Clock) -> Shipper:
    """The shipper of that name. Raises `WrongConfiguration` for an unknown name or a setting that it lacks."""
    factory = FACTORIES.get(name)
    if factory is None:
        raise WrongConfiguration([f"destinations: {name!r} is none of {', '.join(FACTORIES)}"])
    return factory(settings, clock)


def _ingest_http(settings: ShipperSettings, clock: Clock) -> Shipper:
    url = _needed(ingest_form.NAME, "ingest_url", settings.ingest_url)
    _needed_to_log_in(settings)

    def made() -> Shipper:
        from shippers.ingest_http import IngestHttp

        return IngestHttp(
            url=url,
            clock=clock,
            token=settings.ingest_token,
            token_file=settings.ingest_token_file,
            ca_file=settings.ingest_ca_file,
            login=_login(settings, clock),
        )

    return Late(ingest_form.NAME, ingest_form.ENCODING, ingest_form.LIMITS, made)


def _needed_to_log_in(settings: ShipperSettings) -> None:
    """Raises `WrongConfiguration` now; what logs in is loaded with the rest."""
    if settings.ingest_identity == "aws":
        _needed(AWS_LOGIN, "aws_region", settings.aws_region)
    elif settings.ingest_identity == "kubernetes":
        _needed(POD_LOGIN, "ingest_identity_file", settings.ingest_identity_file)


def _login(settings: ShipperSettings, clock: Clock) -> "IngestLogin | None":
    """None where a token of the settings is used. `auto` has been decided before, when they were checked."""
    if settings.ingest_identity not in ("aws", "kubernetes"):
        return None
    from shippers.ingest_login import IngestLogin

    if settings.ingest_identity == "aws":
        from shippers.aws_proof import AwsProof

        return IngestLogin(AwsProof(aws(AWS_LOGIN, settings, clock)), clock)
    from shippers.login_proof import PodProof

    return IngestLogin(PodProof(_needed(POD_LOGIN, "ingest_identity_file", settings.ingest_identity_file)), clock)


def _stdout(settings: ShipperSettings, _clock: Clock) -> Shipper:
    from shippers.stdout import Stdout

    return Stdout(
        encoding=ENCODINGS[settings.stdout_format],
        line_bytes=settings.stdout_line_bytes,
    )


def _kinesis(settings: ShipperSettings, clock: Clock) -> Shipper:
    from shippers.kinesis import Kinesis

    stream = _needed("kinesis", "kinesis_stream", settings.kinesis_stream)
    return Kinesis(aws("kinesis", settings, clock), stream=stream, encoding=ENCODINGS[settings.aws_format])


def _firehose(settings: ShipperSettings, clock: Clock) -> Shipper:
    from shippers.firehose import Firehose

    stream = _needed("firehose", "firehose_stream", settings.firehose_stream)
    return Firehose(aws("firehose", settings, clock), stream=stream, encoding=ENCODINGS[settings.aws_format])


def _sqs(settings: ShipperSettings, clock: Clock) -> Shipper:
    from shippers.sqs import Sqs

    queue_url = _needed("sqs", "sqs_queue_url", settings.sqs_queue_url)
    return Sqs(aws("sqs", settings, clock), queue_url=queue_url, encoding=ENCODINGS[settings.aws_format])


def _s3(settings: ShipperSettings, clock: Clock) -> Shipper:
    from shippers.s3 import S3

    return S3(
        aws("s3", settings, clock),
        bucket=_needed("s3", "s3_bucket", settings.s3_bucket),
        prefix=settings.s3_prefix,
        roll=Roll(S3_EVENTS, settings.s3_age),
        compression=settings.s3_compression,
        encoding=ENCODINGS[settings.aws_format],
    )


def aws(asking: str, settings: ShipperSettings, clock: Clock) -> "Aws":
    """What the settings and the environment say of AWS. Raises `WrongConfiguration` in the name of who asks.

    Keys are among the settings and not in our environment any more, where SDKs look for them.
    """
    from shippers.aws_client import Aws

    keys = {
        "AWS_ACCESS_KEY_ID": settings.aws_access_key_id,
        "AWS_SECRET_ACCESS_KEY": settings.aws_secret_access_key,
        "AWS_SESSION_TOKEN": settings.aws_session_token,
    }
    environ = {**os.environ, **{name: value for name, value in keys.items() if value}}
    return Aws(_needed(asking, "aws_region", settings.aws_region), environ, clock)


def _needed(destination: str, name: str, value: str | None) -> str:
    if not value:
        raise WrongConfiguration([f"{name}: missing, and {destination} needs it"])
    return value


FACTORIES: Mapping[str, Callable[[ShipperSettings, Clock], Shipper]] = {
    ingest_form.NAME: _ingest_http,
    "stdout": _stdout,
    "kinesis": _kinesis,
    "firehose": _firehose,
    "sqs": _sqs,
    "s3": _s3,
}
