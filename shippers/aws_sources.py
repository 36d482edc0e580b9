"""Where credentials of AWS come from: the container's endpoint (ECS, Pod Identity), a web identity (IRSA), variables.

The order and the names are those of the AWS SDKs ("AWS SDKs and Tools Reference Guide", Container credential provider,
Assume role with web identity). Secrets stand in no error.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from sensor.model.errors import PermanentError, RetryableError, SensorError
from sensor.model.times import from_rfc3339
from shippers import token_file
from shippers.aws_endpoints import endpoint
from shippers.http_client import httpx
from shippers.http_outcome import body_head, transport_reason
from shippers.sigv4 import Credentials

Fetch = Callable[[httpx.AsyncClient], Awaitable[Credentials]]
"""Asks for new credentials. Raises `RetryableError`, since roles and permissions can be mended while events wait."""

RELATIVE_URI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
AUTHORIZATION = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
TOKEN_FILE = "AWS_WEB_IDENTITY_TOKEN_FILE"  # noqa: S105  # the name of a variable
ROLE = "AWS_ROLE_ARN"

ECS_HOST = "169.254.170.2"
PLAIN_HOSTS = frozenset({ECS_HOST, "169.254.170.23", "fd00:ec2::23", "127.0.0.1", "::1", "localhost"})
"""The hosts that may be asked without TLS: ECS, EKS Pod Identity and this machine."""

ANSWER_BYTES = 64 * 1024
SESSION_NAME = "fargate-sensor"
MEND = "give the task a role (taskRoleArn), or the pod a service account with one"
REASON_CHARACTERS = 200

_TAG = re.compile(rb"<(AccessKeyId|SecretAccessKey|SessionToken|Expiration|Code|Message)>([^<]*)</")
"""The elements of an answer of STS that matter; none of them can hold markup of its own."""


def source(environ: Mapping[str, str], region: str) -> Fetch:
    """Where this environment's credentials come from. Raises `PermanentError` for one that says nothing usable."""
    if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        return _static(environ)
    if environ.get(TOKEN_FILE) and environ.get(ROLE):
        return _web_identity(environ, endpoint("sts", region, environ))
    if container_uri(environ):
        return _container(environ, _checked_uri(container_uri(environ)))
    raise PermanentError(f"no AWS credentials: {MEND}")


def container_uri(environ: Mapping[str, str]) -> str:
    """The address that hands out the container's credentials, empty where there is none."""
    relative = environ.get(RELATIVE_URI)
    return f"http://{ECS_HOST}{relative}" if relative else environ.get(FULL_URI, "")


def _checked_uri(uri: str) -> str:
    try:
        url = urlsplit(uri)
        sound = url.scheme == "https" or (url.scheme == "http" and url.hostname in PLAIN_HOSTS)
    except ValueError:
        sound = False
    if not sound or not uri.isascii() or not uri.isprintable():
        raise PermanentError(f"{FULL_URI} should be https://, or http:// on this machine or the platform's own address")
    return uri


def _static(environ: Mapping[str, str]) -> Fetch:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    key, secret, token = (environ.get(name, "").strip() for name in names)
    for name, value in zip(names, (key, secret, token), strict=True):
        if not _is_sound(value):
            raise PermanentError(f"{name} holds characters that no HTTP header carries")
    found = Credentials(key, secret, token or None)

    async def fetch(_client: httpx.AsyncClient) -> Credentials:
        return found

    return fetch


def _container(environ: Mapping[str, str], uri: str) -> Fetch:
    async def fetch(client: httpx.AsyncClient) -> Credentials:
        file, token = environ.get(f"{AUTHORIZATION}_FILE"), environ.get(AUTHORIZATION)
        token = token_file.read(file) if file else (token or "").strip()
        headers = {"Authorization": token} if token else {}
        status, body = await _answer(client, "the container's credentials", "GET", uri, headers=headers)
        plain = _parsed(body)
        if status != httpx.codes.OK:
            said = f"{plain.get('code', '')} {plain.get('message', '')}".strip() or "no reason given"
            said = said.replace(token, "<token>") if token else said
            raise RetryableError(f"the container's credentials: answered {status}: {said[:REASON_CHARACTERS]}")
        return _credentials(plain | {"SessionToken": plain.get("Token")}, "the container's credentials")

    return fetch


def _web_identity(environ: Mapping[str, str], sts: str) -> Fetch:
    async def fetch(client: httpx.AsyncClient) -> Credentials:
        token = token_file.read(environ[TOKEN_FILE])
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": environ[ROLE],
            "RoleSessionName": environ.get("AWS_ROLE_SESSION_NAME") or SESSION_NAME,
            "WebIdentityToken": token,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(form).encode()
        status, answer = await _answer(client, "STS", "POST", f"{sts}/", headers=headers, content=body)
        plain = {name.decode(): value.decode("utf-8", "replace") for name, value in _TAG.findall(answer)}
        if status != httpx.codes.OK:
            said = f"{plain.get('Code', '')} {plain.get('Message', '')}".strip().replace(token, "<token>")
            raise RetryableError(
                f"STS: AssumeRoleWithWebIdentity answered {status}: {said[:REASON_CHARACTERS] or 'no reason given'} "
                f"(check {ROLE} and the trust policy of that role)"
            )
        return _credentials(plain, "STS")

    return fetch


async def _answer(client: httpx.AsyncClient, who: str, method: str, uri: str, **request: Any) -> tuple[int, bytes]:
    try:
        async with client.stream(method, uri, **request) as response:
            return response.status_code, await body_head(response, ANSWER_BYTES)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        # The cause is not passed on: it may quote what was sent.
        reason = transport_reason(error) if isinstance(error, httpx.HTTPError) else "no address, or no header"
        raise RetryableError(f"{who}: {reason[:REASON_CHARACTERS]}") from None


def _is_sound(text: str) -> bool:
    """Whether a header can carry it."""
    return text.isascii() and text.isprintable()


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        plain = None
    return plain if isinstance(plain, dict) else {}


def _credentials(plain: Mapping[str, Any], who: str) -> Credentials:
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
    key, secret, token, expires = (plain.get(name) for name in names)
    try:
        ends = from_rfc3339(expires, "Expiration") if expires else None
    except SensorError as error:
        raise RetryableError(f"{who}: {error}") from None
    if not all(isinstance(text, str) and text and _is_sound(text) for text in (key, secret, token or "none")):
        raise RetryableError(f"{who}: the answer holds no keys")
    return Credentials(str(key), str(secret), str(token) if token else None, ends)
