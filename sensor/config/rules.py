"""Rules that no single type can state: what a destination needs, and what does not go together."""

import os
import re
import stat
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from sensor.config import aws_rules, ingest_identity
from sensor.config.problem import Problem, got
from sensor.config.settings import Settings, variable
from sensor.model import path_globs
from sensor.model.hostname import is_resolvable
from sensor.model.ranges import parse_range

_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
TOKEN_FILES = ("ingest_token_file", "ingest_identity_file")
_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".svc", ".cluster.local")


def problems(settings: Settings) -> Iterator[Problem]:
    """All that is wrong across and inside the settings, beyond their types."""
    if "ingest_http" in settings.destinations:
        yield from _missing(settings)
    yield from aws_rules.problems(settings)
    yield from of_values(settings)
    yield from _token(settings)
    yield from _certificates(settings)
    yield from _destinations(settings)
    if settings.batch_bytes > settings.spool_bytes:
        yield Problem("batch_bytes", f"should not be more than {variable('spool_bytes')} ({settings.spool_bytes})")


def of_values(settings: Settings) -> Iterator[Problem]:
    """What is wrong by itself, whatever the others are and wherever it is asked: no file is looked at."""
    yield from _url(settings)
    for path in settings.file_paths:
        if fault := path_globs.problem(path):
            yield Problem("file_paths", fault, got(path))
    for path in settings.rules:
        if not path.startswith("/") or "\0" in path:
            yield Problem("rules", "should be absolute paths", got(path))
    yield from aws_rules.of_values(settings)
    yield from _spool(settings)


def warnings(settings: Settings) -> Iterator[Problem]:
    """What works but should be known."""
    url = urlsplit(settings.ingest_url or "")
    secret = settings.ingest_token or settings.ingest_token_file or settings.ingest_identity in ("aws", "kubernetes")
    if url.scheme == "http" and secret and not _is_private(url.hostname or ""):
        yield Problem("ingest_url", "sends the token unencrypted across the network; use https")
    for name in TOKEN_FILES:  # whoever writes it may start after the sensor, which waits for nobody
        path = getattr(settings, name)
        if path and (fault := _unreadable(path)):
            yield Problem(name, f"{fault}; events wait until there is a token")
    pod = {name: getattr(settings, name) for name in ("pod_namespace", "pod_name", "pod_uid")}
    if any(pod.values()):
        yield from (
            Problem(name, "missing, so the pod cannot be named; set all three of namespace, name and uid")
            for name, value in pod.items()
            if not value
        )


def _spool(settings: Settings) -> Iterator[Problem]:
    """Only what can never be right: whether the directory can be used is seen, and told, when it is."""
    if settings.spool_dir is not None and (not settings.spool_dir.startswith("/") or "\0" in settings.spool_dir):
        yield Problem("spool_dir", "should be an absolute path", got(settings.spool_dir))


def _destinations(settings: Settings) -> Iterator[Problem]:
    for text in settings.drop_destinations:
        try:
            parse_range(text)
        except ValueError as error:
            yield Problem(
                "drop_destinations", f"{ascii(text)[:100]} is no address range: {ascii(str(error))[1:-1][:100]}"
            )


def _missing(settings: Settings) -> Iterator[Problem]:
    if not settings.ingest_url:
        yield Problem("ingest_url", "missing; ingest_http needs it, for example https://ingest.example.org")
    yield from ingest_identity.problems(settings)


def _url(settings: Settings) -> Iterator[Problem]:
    """The address itself is never repeated in the line: it may hold a password."""
    if settings.ingest_url is None:
        return
    try:
        url = urlsplit(settings.ingest_url)
        sound = bool(
            _VISIBLE_ASCII.fullmatch(settings.ingest_url) and is_resolvable(url.hostname or "") and url.port != 0
        )
    except ValueError:
        sound = False
    if not sound or url.scheme not in ("http", "https"):
        yield Problem("ingest_url", "should be http:// or https://, a host and perhaps a port and a path")
    elif fault := _superfluous(url):
        yield Problem("ingest_url", f"should have no {fault}")


def _superfluous(url: SplitResult) -> str | None:
    if url.username is not None or url.password is not None:
        return f"user name or password in it; give the token by {variable('ingest_token_file')}"
    if url.query or url.fragment:
        return "query and no fragment"
    return None


def _token(settings: Settings) -> Iterator[Problem]:
    if settings.ingest_token and not _VISIBLE_ASCII.fullmatch(settings.ingest_token):
        yield Problem("ingest_token", "should be visible ASCII characters without spaces (the value is not shown)")
    if settings.ingest_token and settings.ingest_token_file:
        yield Problem("ingest_token_file", f"should not be set together with {variable('ingest_token')}")
    for name in TOKEN_FILES:
        path = getattr(settings, name)
        if path and (not path.startswith("/") or "\0" in path):
            yield Problem(name, "should be an absolute path (the value is not shown)")


def _certificates(settings: Settings) -> Iterator[Problem]:
    path = settings.ingest_ca_file
    if path is None:
        return
    if fault := _unreadable(path):
        yield Problem("ingest_ca_file", fault)
        return
    import ssl  # 17 ms, which each start would pay for

    try:
        ssl.create_default_context(cafile=path)
    except (ssl.SSLError, OSError):
        yield Problem("ingest_ca_file", f"{ascii(path)[:200]} holds no PEM certificate")


def _unreadable(path: str) -> str | None:
    """Why a file cannot be read now; not its content, which may rotate before it is used."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return f"{ascii(path)[:200]} is no file"
        with open(path, "rb"):
            return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return f"{ascii(path)[:200]} cannot be read: {reason}"


def _is_private(host: str) -> bool:
    """Loopback, private addresses, and names that only resolve inside (a compose service, a cluster)."""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_SUFFIXES)
