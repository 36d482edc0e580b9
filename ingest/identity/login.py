"""`POST /v1/login`: a proof of who a sensor is, exchanged for a token that its batches are bound to.

Anybody may ask, so what costs nothing is checked first, and what makes the ingest ask others is bounded: so many logins
a second, and so many at once.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from ingest import body
from ingest.answers import Refused, answer, retry_later
from ingest.identity import sts_request
from ingest.identity.principal import Principal
from ingest.identity.service_account import ServiceAccounts
from ingest.identity.sts import Sts
from ingest.identity.tickets import SECONDS, Tickets
from ingest.metrics import Metrics
from sensor.model.clock import Clock

LONGEST_BODY = 32 * 1024
BODY_SECONDS = 10.0
AT_ONCE = 32
BURST_S = 10
"""Logins saved up while there are fewer than the bound: a deployment starts many tasks together."""


class Ways(NamedTuple):
    """How sensors may log in; None for a way that is not configured."""

    sts: Sts | None
    service_accounts: ServiceAccounts | None
    names: tuple[str, ...]


class Allowance:
    """So many a second, with some saved up."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._rate = per_second
        self._most = per_second * BURST_S
        self._left = self._most
        self._clock = clock
        self._looked = clock.monotonic()

    def take(self) -> bool:
        """Whether one more may be done now."""
        now = self._clock.monotonic()
        self._left = min(self._most, self._left + (now - self._looked) * self._rate)
        self._looked = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Login:
    """Takes logins."""

    def __init__(self, ways: Ways, tickets: Tickets, metrics: Metrics, clock: Clock, per_second: float) -> None:
        self._ways = ways
        self._tickets = tickets
        self._metrics = metrics
        self._clock = clock
        self._allowance = Allowance(per_second, clock)
        self._under_way = 0

    async def post(self, request: Request) -> Response:
        """Handle one request. Raises `Refused`."""
        status = 500
        try:
            plain = _parsed(await body.read(request, LONGEST_BODY, BODY_SECONDS))
            with self._admitted():  # not while it is read: who sends slowly would keep others out
                principal, seconds = await self._principal(plain)
            status = 200
        except Refused as refused:
            status = refused.status
            raise
        finally:
            self._metrics.logins.labels(str(status)).inc()
        seconds = min(seconds, SECONDS)
        ticket = self._tickets.issue(principal, seconds)
        return answer({"token": ticket, "expires_in": seconds, "identity": principal.name})

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        if self._under_way >= AT_ONCE:
            raise retry_later(429, f"{self._under_way} logins are under way already: wait and try again", 1)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def _principal(self, plain: dict[str, Any]) -> tuple[Principal, int]:
        (way, proof), *more = plain.items() or [("", None)]
        if more or way not in ("aws", "kubernetes"):
            raise Refused(400, "a login should have either aws or kubernetes, and nothing else")
        if way == "aws":
            return await self._by_aws(proof), SECONDS
        return await self._by_kubernetes(proof)

    async def _by_aws(self, proof: object) -> Principal:
        if self._ways.sts is None:
            raise Refused(404, "this ingest takes no AWS logins: it has no INGEST_AWS_ACCOUNTS")
        request = sts_request.checked(proof, self._ways.names, self._clock)
        self._spend()
        return await self._ways.sts.caller(request)

    async def _by_kubernetes(self, proof: object) -> tuple[Principal, int]:
        if self._ways.service_accounts is None:
            raise Refused(404, "this ingest takes no Kubernetes logins: it has no INGEST_KUBERNETES_ISSUERS")
        if not isinstance(proof, dict) or set(proof) != {"token"}:
            raise Refused(400, "kubernetes: should be an object with a token, and nothing else")
        self._spend()
        return await self._ways.service_accounts.verified(proof["token"])

    def _spend(self) -> None:
        if not self._allowance.take():
            raise retry_later(429, "too many logins in these seconds: wait and try again", 2)


def _parsed(sent: bytes) -> dict[str, Any]:
    """The one JSON object of a login. A name given twice is refused: readers of JSON differ on which one holds."""
    try:
        plain = json.loads(sent, object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        plain = None
    if not isinstance(plain, dict):
        raise Refused(400, "a login should be one JSON object, with every name once")
    return plain


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) != len(pairs):
        raise ValueError("a name is given twice")
    return plain
