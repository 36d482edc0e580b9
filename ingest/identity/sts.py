"""STS asked who signed a request: it alone can tell whether the signature is right."""

import asyncio
import re
from fnmatch import fnmatchcase
from typing import NamedTuple
from xml.etree import ElementTree as Xml

import httpx

from ingest.answers import Refused, retry_later
from ingest.identity.principal import AwsPrincipal
from ingest.identity.sts_request import BODY, METHOD, PATH, SignedRequest

PATIENCE_S = 10.0
ANSWER_BYTES = 64 * 1024
AGAIN_S = 5
NAMESPACE = "{https://sts.amazonaws.com/doc/2011-06-15/}"

_ARN = re.compile(r"arn:(aws[\w-]*):sts::(\d{12}):assumed-role/([\w+=,.@-]{1,64})/([\w+=,.@-]{2,64})", re.ASCII)
_CODE = re.compile(rb"<Code>(\w{1,64})</Code>")
_PASSING = re.compile(r"Throttl|RequestLimitExceeded|ServiceUnavailable|InternalFailure")
"""Codes of what passes by itself and proves nothing: AWS throttles with status 400."""


class Admitted(NamedTuple):
    """Who may log in: accounts by number, roles by globs over their names."""

    accounts: tuple[str, ...]
    roles: tuple[str, ...]


class Sts:
    """Sends checked requests on. `instead` is where tests have their own STS, in place of the real one."""

    def __init__(self, client: httpx.AsyncClient, admitted: Admitted, instead: str | None = None) -> None:
        self._client = client
        self._admitted = admitted
        self._instead = instead

    async def caller(self, request: SignedRequest) -> AwsPrincipal:
        """Who signed it.

        Raises `Refused`: 401 where STS does not know, 403 for who is not let in, 503 while it has no answer.
        """
        status, kind, body = await self._asked(request)
        if status >= 500 or status == 429:
            raise retry_later(503, f"STS answered {status}: try again", AGAIN_S)
        if status != httpx.codes.OK:
            found = _CODE.search(body)
            code = found[1].decode() if found else "no reason given"
            if _PASSING.search(code):
                raise retry_later(503, f"STS answered {status}: {code}: try again", AGAIN_S)
            raise Refused(401, f"aws: STS answered {status}: {code}")
        principal = _principal(kind, body)
        if principal.partition != request.partition:
            raise Refused(401, "aws: STS named a caller of another partition")
        self._admit(principal)
        return principal

    def _admit(self, principal: AwsPrincipal) -> None:
        if principal.account not in self._admitted.accounts:
            raise Refused(403, f"aws: account {principal.account} is none of INGEST_AWS_ACCOUNTS")
        if not any(fnmatchcase(principal.role, glob) for glob in self._admitted.roles):
            raise Refused(403, f"aws: role {principal.role} matches none of INGEST_AWS_ROLES")

    async def _asked(self, request: SignedRequest) -> tuple[int, str, bytes]:
        """Status, content type and the start of the body."""
        url = f"{self._instead or f'https://{request.host}'}{PATH}"
        try:
            async with (
                asyncio.timeout(PATIENCE_S),
                self._client.stream(METHOD, url, content=BODY, headers=dict(request.headers)) as response,
            ):
                return response.status_code, response.headers.get("content-type", ""), await _bounded(response)
        except TimeoutError:
            raise retry_later(503, f"STS gave no answer within {PATIENCE_S:g} s: try again", AGAIN_S) from None
        except httpx.HTTPError as error:
            raise retry_later(503, f"STS cannot be reached ({type(error).__name__}): try again", AGAIN_S) from None


async def _bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > ANSWER_BYTES:
            raise retry_later(503, "STS answered at a length that it never has", AGAIN_S)
    return bytes(body)


def _principal(kind: str, body: bytes) -> AwsPrincipal:
    """The role's session in an answer of success: exactly that document, or nothing."""
    arns, accounts = _named(kind, body)
    if len(arns) != 1 or len(accounts) != 1:
        raise retry_later(503, "STS gave no answer that is understood", AGAIN_S)
    found = _ARN.fullmatch(arns[0] or "")
    if found is None:
        raise Refused(403, "aws: the caller is no session of a role (a user's keys, for example)")
    if found[2] != accounts[0]:
        raise retry_later(503, "STS contradicts itself about the account", AGAIN_S)
    return AwsPrincipal(*found.groups())


def _named(kind: str, body: bytes) -> tuple[list[str | None], list[str | None]]:
    """The texts of Arn and Account where they belong. No document type: an answer of STS has none, attacks do."""
    nothing: tuple[list[str | None], list[str | None]] = ([], [])
    if "xml" not in kind or b"<!" in body:
        return nothing
    try:
        root = Xml.fromstring(body)  # noqa: S314 - without a document type there are no entities, and it is bounded
    except Xml.ParseError:
        return nothing
    if root.tag != f"{NAMESPACE}GetCallerIdentityResponse":
        return nothing
    result = f"{NAMESPACE}GetCallerIdentityResult"
    arns, accounts = (root.findall(f"{result}/{NAMESPACE}{name}") for name in ("Arn", "Account"))
    return [one.text for one in arns], [one.text for one in accounts]
