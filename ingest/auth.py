"""Bearer tokens (RFC 6750): one to write, another to read, neither good for the other's work."""

import hmac
from enum import StrEnum

from starlette.requests import Request

from ingest.answers import Refused

CHALLENGE = 'Bearer realm="fargate-sensor ingest"'


class Right(StrEnum):
    """What a token allows."""

    WRITE = "write"
    READ = "read"


class Tokens:
    """The two tokens; comparing takes the same time however much of a guess is right."""

    def __init__(self, write: str, read: str) -> None:
        self._of = {Right.WRITE: write.encode(), Right.READ: read.encode()}

    def demand(self, right: Right, request: Request) -> None:
        """Raises `Refused` (401, or 403 for the other token) unless the request carries the token for this right."""
        given = _bearer(request)
        if given is None:
            raise _unauthorised(f"a {right} token is needed: send it as Authorization: Bearer TOKEN")
        matches = {name: hmac.compare_digest(given, token) for name, token in self._of.items()}
        if matches[right]:
            return
        if any(matches.values()):
            raise Refused(403, f"this token does not allow to {right}; use the {right} token")
        raise _unauthorised(f"this is not the {right} token")


def _bearer(request: Request) -> bytes | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip().encode("latin-1") if scheme.lower() == "bearer" and token.strip() else None


def _unauthorised(reason: str) -> Refused:
    return Refused(401, reason, {"WWW-Authenticate": CHALLENGE})
