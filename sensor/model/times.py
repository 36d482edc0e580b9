"""Nanosecond times as RFC 3339 text, without the loss that datetime's microseconds would bring."""

import calendar
import re
import time

from sensor.model.errors import MalformedEvent
from sensor.model.events import Timestamp

NS = 1_000_000_000
_END = 253_402_300_800 * NS  # the start of the year 10000
_TEXT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)


def in_range(value: int) -> bool:
    """Whether the time has an RFC 3339 text: from 1970 to the end of 9999."""
    return 0 <= value < _END


def to_rfc3339(value: int) -> str:
    """`2026-11-24T02:28:00.000000001Z` for nanoseconds since 1970 UTC."""
    seconds, ns = divmod(value, NS)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{ns:09d}Z"


def from_rfc3339(text: object, where: str = "time") -> Timestamp:
    """Nanoseconds since 1970 for a UTC text with up to nine decimals. Raises `MalformedEvent`."""
    found = _TEXT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise MalformedEvent(f"{where}: {text!r} is not an RFC 3339 time in UTC"[:200])
    try:
        seconds = calendar.timegm(time.strptime(found[1], "%Y-%m-%dT%H:%M:%S"))
    except ValueError as error:
        raise MalformedEvent(f"{where}: {error}") from error
    return Timestamp(seconds * NS + int((found[2] or "0").ljust(9, "0")))
