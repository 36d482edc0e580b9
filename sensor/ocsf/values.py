"""Values as OCSF 1.3 has them (schema.ocsf.io, data types); None for those that have no such form."""

import re
import shlex
from collections.abc import Sequence
from datetime import datetime
from ipaddress import ip_address
from typing import Any

MOST_CHARACTERS = 65_535
"""Of a `string_t`."""

ADDRESS_CHARACTERS = 40
"""Of an `ip_t`."""

MOST_DIGITS_OF_A_HASH = 64
"""Of a `file_hash_t`."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_HASH = re.compile(rf"[0-9a-fA-F]{{1,{MOST_DIGITS_OF_A_HASH}}}", re.ASCII)

SHA_256 = 3


def text(value: str) -> str | None:
    """A `string_t`."""
    return value if len(value) <= MOST_CHARACTERS else None


def cut(value: str) -> str:
    """A `string_t` where the class must have one."""
    return value[:MOST_CHARACTERS]


def number_text(value: int) -> str:
    """An identifier that is a number here and a text there."""
    return str(value)


def texts(values: Sequence[str]) -> list[str] | None:
    """An array of `string_t`."""
    return list(values) if all(len(value) <= MOST_CHARACTERS for value in values) else None


def command_line(args: Sequence[str]) -> str | None:
    """Arguments as a shell would take them: from this text the list can be had again."""
    return text(shlex.join(args))


def base_name(path: str) -> str:
    """The last part of a path; all of it where that is empty."""
    return path.rsplit("/", 1)[-1] or path


def address(value: str) -> str | None:
    """An `ip_t`."""
    try:
        ip_address(value)
    except ValueError:
        return None
    return value if len(value) <= ADDRESS_CHARACTERS else None


def port(value: int) -> int | None:
    """A `port_t`."""
    return value if 0 <= value <= 65_535 else None


def host_name(value: str) -> str | None:
    """A `hostname_t`: letters, digits and hyphens. A name in DNS may hold more, such as underscores."""
    name = value.removesuffix(".")
    return name if _HOST.fullmatch(name) else None


def uuid(value: str) -> str | None:
    """A `uuid_t`."""
    return value if _UUID.fullmatch(value) else None


def sha256(value: str) -> list[dict[str, Any]] | None:
    """The list of fingerprints of a file."""
    return [{"algorithm_id": SHA_256, "value": value}] if _HASH.fullmatch(value) else None


def whole_number(value: float) -> int:
    """Milliseconds without their fraction."""
    return round(value)


def as_milliseconds(rfc3339: str) -> int:
    """A `timestamp_t` of our own text form of a time, which has nine decimals."""
    seconds = datetime.fromisoformat(rfc3339[:19] + "+00:00").timestamp()
    return int(seconds) * 1000 + int(rfc3339[20:23])
