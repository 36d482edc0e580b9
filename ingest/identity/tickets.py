"""The tokens that a login is exchanged for: signed, not kept, so that every ingest with the same key takes them.

A ticket is `fst1.` and two parts in URL-safe base64 without padding, joined by a point: the JSON of its claims, and
their HMAC-SHA256. The claims are the end (`exp`, seconds since 1970), the kind of principal (`by`), and the principal's
fields (`who`). There is one algorithm and nothing in a ticket chooses another.
"""

import binascii
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any

from ingest.answers import Refused
from ingest.identity.principal import AwsPrincipal, PodPrincipal, Principal
from sensor.model.clock import Clock
from sensor.model.times import NS

PREFIX = b"fst1."
SECONDS = 3600
"""The longest that a ticket is good."""

LONGEST = 4096
_PURPOSE = b"fargate-sensor ticket 1\0"
"""In front of what is signed: the key signs nothing else that could be taken for a ticket."""

_KINDS: dict[str, type[Principal]] = {"aws": AwsPrincipal, "kubernetes": PodPrincipal}
_NAMES = {kind: name for name, kind in _KINDS.items()}

Keys = Callable[[], Sequence[bytes]]
"""The keys of now: the first one signs, all of them verify."""


class Tickets:
    """Issues tickets and takes them back."""

    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def issue(self, principal: Principal, seconds: int = SECONDS) -> str:
        """A ticket for the principal, good for so many seconds."""
        ends = self._clock.wall() // NS + min(seconds, SECONDS)
        plain = {"exp": ends, "by": _NAMES[type(principal)], "who": list(principal)}
        claims = urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).rstrip(b"=")
        return (PREFIX + claims + b"." + _signature(self._keys()[0], claims)).decode()

    def principal(self, ticket: bytes) -> Principal:
        """Whose ticket it is. Raises `ValueError` for one that was not issued here, `Refused` (401) for an old one."""
        if len(ticket) > LONGEST or not ticket.startswith(PREFIX):
            raise ValueError("no ticket")
        claims, _, signature = ticket.removeprefix(PREFIX).partition(b".")
        matches = [hmac.compare_digest(_signature(key, claims), signature) for key in self._keys()]
        if not any(matches):
            raise ValueError("signed by none of our keys")
        plain = _parsed(claims)
        if plain["exp"] <= self._clock.wall() // NS:
            raise Refused(401, "the token of this login has ended: log in again")
        return _KINDS[plain["by"]](*plain["who"])


def _signature(key: bytes, claims: bytes) -> bytes:
    return urlsafe_b64encode(hmac.digest(key, _PURPOSE + claims, "sha256")).rstrip(b"=")


def _parsed(claims: bytes) -> dict[str, Any]:
    """Claims whose signature was ours. Raises `ValueError` all the same: another version may have signed them."""
    try:
        plain = json.loads(urlsafe_b64decode(claims + b"=" * (-len(claims) % 4)))
    except (binascii.Error, ValueError) as error:
        raise ValueError("no claims") from error
    kind = _KINDS.get(str(plain.get("by"))) if isinstance(plain, dict) else None
    sound = kind is not None and isinstance(plain.get("exp"), int) and isinstance(plain.get("who"), list)
    if not sound or kind is None or len(plain["who"]) != len(kind._fields):
        raise ValueError("claims of another version")
    return dict(plain)
