"""Bearer tokens (RFC 6750): one to write, another to read, neither good for the other's work.

Who logged in writes with a token of its own, which also says what its batches may claim (`ingest.identity`).
"""

import hmac
import logging
from collections.abc import Callable, Sequence
from enum import StrEnum

from starlette.requests import Request

from ingest.answers import Refused
from ingest.identity.principal import Principal
from ingest.identity.tickets import PREFIX, Tickets

log = logging.getLogger("ingest")

CHALLENGE = 'Bearer realm="fargate-sensor ingest"'


class Right(StrEnum):
    """What a token allows."""

    WRITE = "write"
    READ = "read"


Secrets = Callable[[], Sequence[bytes]]
"""The tokens that are good now, one or two."""


class Tokens:
    """The tokens; comparing takes the same time however much of a guess is right."""

    def __init__(self, write: Secrets | None, read: Secrets, tickets: Tickets) -> None:
        self._of = {Right.READ: read} if write is None else {Right.WRITE: write, Right.READ: read}
        self._tickets = tickets
        self._warned = False

    def demand(self, right: Right, request: Request) -> Principal | None:
        """Who has logged in, None for a token of the configuration.

        Raises `Refused` (401, or 403 for the other token) unless the request carries a token for this right.
        """
        given = _bearer(request)
        if given is None:
            raise _unauthorised(f"a {right} token is needed: send it as Authorization: Bearer TOKEN")
        if given.startswith(PREFIX):
            return self._logged_in(right, given)
        matches = {name: _is_one_of(given, secrets()) for name, secrets in self._of.items()}
        if all(matches.get(each) for each in Right):
            self._warn()
            raise Refused(403, "this token is set both to write and to read, so it is good for neither: change one")
        if matches.get(right):
            return None
        if any(matches.values()):
            raise Refused(403, f"this token does not allow to {right}; use the {right} token")
        raise _unauthorised(f"this is not the {right} token")

    def _warn(self) -> None:
        """Once: the start refuses such settings, so a file has come to this since."""
        if not self._warned:
            self._warned = True
            log.warning("INGEST_WRITE_TOKEN and INGEST_READ_TOKEN have a line in common: it is refused; change one")

    def _logged_in(self, right: Right, ticket: bytes) -> Principal:
        try:
            principal = self._tickets.principal(ticket)
        except ValueError as error:
            raise _unauthorised(f"this is no {right} token of this ingest ({error}): log in again") from None
        if right is not Right.WRITE:
            raise Refused(403, f"this token does not allow to {right}; use the {right} token")
        return principal


def _is_one_of(given: bytes, secrets: Sequence[bytes]) -> bool:
    """Each of them is compared, whichever matches."""
    matches = [hmac.compare_digest(given, secret) for secret in secrets]
    return any(matches)


def _bearer(request: Request) -> bytes | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip().encode("latin-1") if scheme.lower() == "bearer" and token.strip() else None


def _unauthorised(reason: str) -> Refused:
    return Refused(401, reason, {"WWW-Authenticate": CHALLENGE})
