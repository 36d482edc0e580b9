"""Rules for who may write and log in that no single setting can state."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from pydantic import SecretStr

from ingest.secret_values import HOW_TO_MAKE_ONE, not_set

if TYPE_CHECKING:
    from ingest.config import Settings

LOGINS = ("aws_accounts", "kubernetes_issuers")
"""The settings that let sensors log in."""


def problems(given: Collection[str], settings: "Settings | None") -> Iterator[tuple[str, str]]:
    """Each wrong setting and what is wrong with it; `settings` None where some are wrong by themselves already."""
    if "write_token" not in given and not any(name in given for name in LOGINS):
        yield "write_token", f"{not_set('write_token')}; or let sensors log in (INGEST_AWS_ACCOUNTS, docs/identity.md)"
    if settings is None:
        return
    if settings.write_token is not None and _lines(settings.write_token) & _lines(settings.read_token):
        yield "read_token", f"should differ from the write token; {HOW_TO_MAKE_ONE}"
    if any(getattr(settings, name) for name in LOGINS) and not settings.hosts:
        yield "hosts", "not set, and logins need it: the host names by which sensors reach this ingest"
    if settings.kubernetes_keys_file is not None:
        yield from _keys_file(settings)


def _keys_file(settings: "Settings") -> Iterator[tuple[str, str]]:
    path = settings.kubernetes_keys_file
    if len(settings.kubernetes_issuers) != 1:
        yield "kubernetes_keys_file", "has the keys of one issuer: INGEST_KUBERNETES_ISSUERS should name exactly one"
    elif path is None or not path.is_file():
        yield "kubernetes_keys_file", f"{str(path)!r} is no file"


def _lines(secret: SecretStr) -> set[str]:
    return set(secret.get_secret_value().split())
