"""What an HTTP answer, or none, means for what was sent: taken, to be tried again, or refused."""

import json
import re
from email.utils import parsedate_to_datetime

from sensor.model.errors import DeliveryError, PermanentError, RetryableError
from sensor.model.events import Timestamp
from shippers.http_client import httpx

ANSWER_BYTES = 16 * 1024
"""How much of an answer's body is read."""

CREDENTIALS = frozenset({401, 403, 407})
ADDRESSES = frozenset({404, 405, 410, 421})
"""What a proxy or load balancer answers that has no such route, or not yet."""
LATER = frozenset({408, 425, 429})
TOO_LARGE = 413
"""Also from a proxy an answer about what was sent: the same would have it again, and hold up what waits behind it."""
_SECONDS = re.compile(r"\d{1,9}", re.ASCII)


async def body_head(response: httpx.Response, most: int = ANSWER_BYTES) -> bytes:
    """The first bytes of a streamed answer; a connection whose answer is longer is not used again."""
    head = bytearray()
    async for part in response.aiter_raw():
        head += part
        if len(head) >= most:
            break
    return bytes(head[:most])


def error_text(body: bytes) -> str:
    """The server's own sentence from `{"error": "…"}`, otherwise what it said, as it is: not to be trusted."""
    text = own_words(body)
    return (body.decode("utf-8", "replace") if text is None else text).strip() or "no reason given"


def own_words(body: bytes) -> str | None:
    """The sentence in `{"error": "…"}`; None in an answer that is not of an API of ours."""
    try:
        plain = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    found = plain.get("error") if isinstance(plain, dict) else None
    return found if isinstance(found, str) else None


def retry_after(value: str | None, now: Timestamp) -> float | None:
    """Seconds to wait by a Retry-After header, in seconds or as a date (RFC 9110, 10.2.3); None if it says neither."""
    if value is None:
        return None
    if _SECONDS.fullmatch(value.strip()):
        return float(value.strip())
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now / 1e9)
    except (ValueError, OverflowError):
        return None


def refusal(status: int, reason: str, wait: float | None, *, by_the_api: bool = True) -> DeliveryError:
    """The error for an answer that is not the expected one.

    Credentials and addresses can be mended while events wait, so 401, 403, 407, those of `ADDRESSES` and whatever is
    no answer of an API (1xx, 3xx, another 2xx, what a proxy or load balancer calls wrong) are tried again.
    """
    if status in LATER or status >= 500:
        return RetryableError(reason, wait)
    if status in CREDENTIALS or status in ADDRESSES or status < 400:
        return RetryableError(reason)
    return PermanentError(reason) if by_the_api or status == TOO_LARGE else RetryableError(reason)


def transport_reason(error: httpx.HTTPError) -> str:
    """Why there was no answer: the kernel's or the TLS library's words where there are any."""
    if isinstance(error, httpx.TimeoutException):
        return f"no answer in time ({type(error).__name__})"
    if isinstance(error, httpx.LocalProtocolError):  # whose own words quote the header
        return "the request has a header that HTTP does not carry: does a token or key end in a line break?"
    found: BaseException = error
    inner: BaseException | None = error
    while inner is not None:
        found = inner if isinstance(inner, OSError) else found
        inner = inner.__cause__ or inner.__context__
    return f"{type(found).__name__}: {found}"
