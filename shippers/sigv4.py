"""AWS Signature Version 4 for requests whose body is at hand (AWS General Reference, "Create a signed request").

No I/O and no settings: who signs passes credentials, region, service and time.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from sensor.model.events import Timestamp
from sensor.model.times import to_rfc3339

ALGORITHM = "AWS4-HMAC-SHA256"
S3 = "s3"
DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Keys of an AWS identity. `expires` is None for those that do not end. No text of this class shows a secret."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    expires: Timestamp | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.access_key_id!r})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What nobody may see, should someone send it back."""
        return tuple(secret for secret in (self.secret_access_key, self.session_token) if secret)


class Request(NamedTuple):
    """What is signed. The path of the URL is percent-encoded as it will be sent; all of the headers are signed."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes = b""


def signed(request: Request, credentials: Credentials, *, region: str, service: str, now: Timestamp) -> dict[str, str]:
    """The headers to send: those of the request, and Host, X-Amz-Date, the token where there is one, Authorization.

    S3 wants the body's digest in a header too, and its path encoded once where the others want it twice.
    """
    moment = _moment(now)
    digest = hashlib.sha256(request.body).hexdigest()
    headers = {**request.headers, "Host": _host(request.url), "X-Amz-Date": moment}
    if credentials.session_token:
        headers["X-Amz-Security-Token"] = credentials.session_token
    if service == S3:
        headers["X-Amz-Content-SHA256"] = digest
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    names, canonical = _canonical(request, headers, digest, once=service == S3)
    to_sign = "\n".join((ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = _key(credentials.secret_access_key, scope)
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def _moment(now: Timestamp) -> str:
    """`20261126T211103Z`."""
    return to_rfc3339(now)[:19].replace("-", "").replace(":", "") + "Z"


def _host(url: str) -> str:
    """The Host header as HTTP clients send it: without the port that the scheme implies (RFC 9110, 7.2)."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def _canonical(request: Request, headers: Mapping[str, str], digest: str, *, once: bool) -> tuple[str, str]:
    """The names of the signed headers, and the canonical request."""
    parts = urlsplit(request.url)
    path = parts.path or "/"
    plain = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    names = ";".join(sorted(plain))
    lines = "".join(f"{name}:{plain[name]}\n" for name in sorted(plain))
    path = path if once else quote(_resolved(path), safe="/~")
    return names, "\n".join((request.method, path, _query(parts.query), lines, names, digest))


def _resolved(path: str) -> str:
    """The path as other services than S3 sign it: without empty parts and dots (RFC 3986, 5.2.4)."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    end = "/" if parts and path.endswith("/") else ""
    return "/" + "/".join(parts) + end


def _query(query: str) -> str:
    pairs = sorted((quote(k, safe="~"), quote(v, safe="~")) for k, v in parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{name}={value}" for name, value in pairs)


def _key(secret: str, scope: str) -> bytes:
    """The key of that day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
