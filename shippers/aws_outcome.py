"""What an answer of an AWS service that is no success means: which error it is, and what the user can do about it."""

import json
import re
from typing import NamedTuple

from sensor.model.errors import DeliveryError, PermanentError, RetryableError
from shippers.http_outcome import LATER, TOO_LARGE

PASSING = re.compile(
    r"Throttl|TooManyRequests|RequestLimitExceeded|ThroughputExceeded|SlowDown|LimitExceeded|ServiceUnavailable"
    r"|RequestThrottled|OverLimit|InternalFailure|InternalError|RequestTimeout|Unavailable"
    r"|OperationAborted|IncompleteBody|BadDigest|ResourceInUse"
)
"""Codes of what passes by itself: too much at once, trouble over there, what was damaged on its way, and a stream
that is still being made."""
ENDED = re.compile(r"ExpiredToken|TokenRefreshRequired|InvalidToken")
CLOCK = re.compile(r"RequestTimeTooSkewed|RequestExpired|RequestInTheFuture")
KEYS = re.compile(
    r"SignatureDoesNotMatch|InvalidSignature|InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId|IncompleteSignature"
    r"|MissingAuthenticationToken"
)
DENIED = re.compile(
    r"AccessDenied|Unauthorized|NotAuthorized"
    r"|(?i:KMS).*(Denied|Disabled|InvalidState|NotFound|OptInRequired|InvalidKeyUsage)|InvalidKMSResource"
)
ABSENT = re.compile(r"ResourceNotFound|NoSuchBucket|InvalidBucketName|QueueDoesNotExist|NonExistentQueue")
MISDIRECTED = re.compile(r"InvalidAddress|UnknownOperation")
"""What another service than the one that was meant answers."""
ELSEWHERE = re.compile(r"PermanentRedirect|AuthorizationHeaderMalformed|TemporaryRedirect|IllegalLocationConstraint")
SKEW = re.compile(r"Signature (not yet current|expired)")
SCOPE = re.compile(r"scoped to (a valid region|correct service)")
"""What is said with a code of `KEYS` where the keys are right and the signature names another region or service."""
SOURCED = re.compile(r"not permitted on \w+AsSource")
"""Of a delivery stream that reads a stream of Kinesis or a topic, and takes nothing else."""

REASON_CHARACTERS = 200
_XML = re.compile(rb"<(Code|Message)>([^<]*)</")
_UNPRINTABLE = re.compile(r"[^ -~]+", re.ASCII)


class Said(NamedTuple):
    """The code and the sentence of an error; either may be empty."""

    code: str
    message: str

    def __str__(self) -> str:
        text = f"{self.code}: {self.message}" if self.code and self.message else self.code or self.message
        return _UNPRINTABLE.sub(" ", text).strip()[:REASON_CHARACTERS] or "no reason given"


class Aim(NamedTuple):
    """What was asked of AWS, for people: the setting that names the destination, and the permission that it needs."""

    service: str
    setting: str
    permission: str


def said(body: bytes, code: str = "") -> Said:
    """An error in JSON (Kinesis, Firehose, SQS) or XML (S3, STS); `code` stands in a header where that is all."""
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        plain = None
    if isinstance(plain, dict):
        code = str(plain.get("__type") or plain.get("code") or code)
        message = str(plain.get("message") or plain.get("Message") or "")
        return Said(_bare(code), message)
    tags = {name: value.decode("utf-8", "replace") for name, value in _XML.findall(body)}
    return Said(_bare(tags.get(b"Code", code)), tags.get(b"Message", ""))


def fault(aim: Aim, status: int, error: Said, wait: float | None = None, *, what: str | None = None) -> DeliveryError:
    """The error for an answer; `what` says what happened where it is more than the status.

    What can be mended while events wait is tried again: keys, permissions, names, addresses; and so is what a proxy or
    load balancer answers, which has no code. What is left are requests that the service calls wrong: these are refused,
    and what was in them is lost alone.
    """
    happened = what or f"{aim.service} answered {status}"
    reason = f"{happened}: {error}"
    if PASSING.search(error.code):
        return RetryableError(reason, wait)
    if advice := _advice(aim, error):
        return RetryableError(f"{reason} ({advice})")
    if status == 403 or status < 400:
        return RetryableError(f"{reason} (check the role of this task, the region and proxies)")
    if status >= 500 or status in LATER:
        return RetryableError(reason, wait)
    if not error.code and status != TOO_LARGE:
        return RetryableError(f"{reason} (check AWS_ENDPOINT_URL, {aim.setting} and proxies)")
    return PermanentError(reason)


def about_keys(error: Said) -> bool:
    """Whether other credentials would do better."""
    return bool(ENDED.search(error.code) or KEYS.search(error.code) or DENIED.search(error.code))


def _advice(aim: Aim, error: Said) -> str | None:
    if CLOCK.search(error.code) or SKEW.search(error.message):
        return "the clock of this machine is wrong"
    if ENDED.search(error.code):
        return "the credentials have ended; new ones are asked for"
    if SCOPE.search(error.message):
        return f"check {aim.setting}, SENSOR_AWS_REGION or AWS_ENDPOINT_URL"
    if SOURCED.search(error.message):
        return f"{aim.setting} has another source: it needs one of the type DirectPut"
    if KEYS.search(error.code):
        return "the credentials are not known there: check the role of this task, or the AWS_* keys"
    if DENIED.search(error.code):
        return f"the role of this task needs {aim.permission}"
    if ABSENT.search(error.code):
        return f"check {aim.setting} and SENSOR_AWS_REGION"
    if MISDIRECTED.search(error.code):
        return f"check {aim.setting}, SENSOR_AWS_REGION or AWS_ENDPOINT_URL"
    if ELSEWHERE.search(error.code):
        return f"{aim.setting} is in another region: check SENSOR_AWS_REGION"
    return None


def _bare(code: str) -> str:
    """`com.amazonaws.sqs#QueueDoesNotExist` and `Code:http://…` without what stands around the name."""
    return code.rsplit("#", 1)[-1].split(":", 1)[0]
