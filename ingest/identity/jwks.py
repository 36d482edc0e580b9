"""The public keys of issuers of service account tokens: fetched when needed, kept for an hour, fetched again for a new
one.

OpenID Connect Discovery 1.0, section 4, and RFC 7517. Keys that no signature may be checked with are passed over.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt

from ingest.answers import retry_later
from sensor.model.clock import Clock

log = logging.getLogger("ingest")

DISCOVERY = "/.well-known/openid-configuration"
FRESH_S = 3600.0
"""So long keys are used without a question."""

STALE_S = 24 * 3600.0
"""So long they are used while the issuer cannot be asked."""

AGAIN_S = 30.0
"""Between two questions: names of keys come from whoever logs in, and must not make us ask all the time."""

PATIENCE_S = 10.0
ANSWER_BYTES = 256 * 1024
MOST_KEYS = 64
ALGORITHMS = {"RSA": "RS256", "EC": "ES256"}
SHORTEST_RSA = 2048

Keys = dict[str, jwt.PyJWK]
Load = Callable[[], Awaitable[Keys]]


class CannotLoad(Exception):
    """There are no keys now. The text says why in one line."""


class KeySet:
    """The keys of one issuer."""

    def __init__(self, issuer: str, load: Load, clock: Clock) -> None:
        self._issuer = issuer
        self._load = load
        self._clock = clock
        self._keys: Keys = {}
        self._loaded: float | None = None
        self._asked: float | None = None
        self._failed = False
        self._turn = asyncio.Lock()

    async def key(self, name: str) -> jwt.PyJWK | None:
        """The key of that name; None where the issuer has none. Raises `Refused` (503) while it cannot be asked."""
        if not self._has_fresh(name):
            async with self._turn:  # of those alone who need the answer: a slow issuer holds up nobody else
                if not self._has_fresh(name):
                    await self._refresh()
        if self._age(self._loaded) > STALE_S or (self._failed and name not in self._keys):
            raise retry_later(503, f"the keys of {self._issuer} cannot be had now: try again", int(AGAIN_S))
        return self._keys.get(name)

    def _has_fresh(self, name: str) -> bool:
        return name in self._keys and self._age(self._loaded) <= FRESH_S

    async def _refresh(self) -> None:
        if self._age(self._asked) < AGAIN_S:
            return
        self._asked = self._clock.monotonic()
        try:
            self._keys = await self._load()
        except CannotLoad as error:
            self._failed = True
            log.warning("the keys of %s: %s", self._issuer, error)
        else:
            self._failed = False
            self._loaded = self._clock.monotonic()

    def _age(self, since: float | None) -> float:
        return float("inf") if since is None else self._clock.monotonic() - since


def from_issuer(client: httpx.AsyncClient, issuer: str) -> Load:
    """Keys from where the issuer says that they are."""

    async def load() -> Keys:
        try:
            async with asyncio.timeout(PATIENCE_S):
                about = await _json(client, issuer.rstrip("/") + DISCOVERY)
                where = about.get("jwks_uri")
                if about.get("issuer") != issuer or not isinstance(where, str) or urlsplit(where).scheme != "https":
                    raise CannotLoad("its configuration is of another issuer, or names no jwks_uri over https")
                return parsed(await _json(client, where))
        except TimeoutError:
            raise CannotLoad(f"no answer within {PATIENCE_S:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise CannotLoad(f"{type(error).__name__}: {error}"[:200]) from None

    return load


def from_file(path: Path) -> Load:
    """Keys from a file, which may be replaced."""

    async def load() -> Keys:
        try:
            text = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise CannotLoad(f"{path}: {error.strerror}") from None
        return parsed(_object(text[:ANSWER_BYTES]))

    return load


def parsed(plain: dict[str, Any]) -> Keys:
    """The keys by their names. Raises `CannotLoad` where not one of them can be used."""
    listed = plain.get("keys")
    keys: Keys = {}
    for one in listed[:MOST_KEYS] if isinstance(listed, list) else ():
        if (key := _usable(one)) is not None:
            keys[one["kid"]] = key
    if not keys:
        raise CannotLoad("no RSA key of 2048 bits or more and no P-256 key among its keys")
    return keys


def _usable(plain: object) -> jwt.PyJWK | None:
    """A public key to verify with; what a key says of its algorithm must fit its type."""
    if not isinstance(plain, dict) or not isinstance(plain.get("kid"), str) or plain.get("use", "sig") != "sig":
        return None
    algorithm = ALGORITHMS.get(str(plain.get("kty")))
    if algorithm is None or plain.get("alg", algorithm) != algorithm or plain.get("crv", "P-256") != "P-256":
        return None
    public = {name: value for name, value in plain.items() if name in ("kty", "kid", "n", "e", "crv", "x", "y")}
    try:
        key = jwt.PyJWK(public, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return key if algorithm != "RS256" or key.key.key_size >= SHORTEST_RSA else None


async def _json(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    body = bytearray()
    async with client.stream("GET", url) as response:
        if response.status_code != httpx.codes.OK:
            raise CannotLoad(f"{url} answered {response.status_code}")
        async for part in response.aiter_raw():
            body += part
            if len(body) > ANSWER_BYTES:
                raise CannotLoad(f"{url} answered more than {ANSWER_BYTES} bytes")
    return _object(bytes(body))


def _object(text: bytes) -> dict[str, Any]:
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        plain = None
    if not isinstance(plain, dict):
        raise CannotLoad("no JSON object where its keys should be")
    return plain
