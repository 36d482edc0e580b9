"""Logins as the settings want them, put together."""

import logging
import secrets
from collections.abc import Mapping

import httpx

from ingest.config import SHORTEST_KEY, Settings
from ingest.identity.jwks import KeySet, from_file, from_issuer
from ingest.identity.login import Ways
from ingest.identity.service_account import ServiceAccounts
from ingest.identity.sts import Admitted, Sts
from ingest.identity.tickets import Tickets
from ingest.secret_values import Rotating
from sensor import __version__
from sensor.model.clock import Clock

log = logging.getLogger("ingest")


def client() -> httpx.AsyncClient:
    """For STS and issuers: TLS verified, proxies from the environment, no redirects, few connections."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(10.0, connect=5.0),
        limits=httpx.Limits(max_connections=32, max_keepalive_connections=8),
        headers={"User-Agent": f"fargate-sensor-ingest/{__version__}", "Accept-Encoding": "identity"},
        follow_redirects=False,
    )


def tickets(settings: Settings, clock: Clock) -> Tickets:
    """What issues and takes tokens of logins. Without a key of the settings one is made up that lasts until the end."""
    text = secrets.token_urlsafe(32) if settings.login_key is None else settings.login_key.get_secret_value()
    return Tickets(Rotating(text, SHORTEST_KEY, settings.login_key_file), clock)


def ways(settings: Settings, http: httpx.AsyncClient, clock: Clock) -> Ways:
    """The ways to log in that are configured."""
    if settings.aws_sts_for_tests:
        log.warning("INGEST_AWS_STS_FOR_TESTS is set: %s decides who sensors are", settings.aws_sts_for_tests)
    admitted = Admitted(settings.aws_accounts, settings.aws_roles)
    keys = _keys(settings, http, clock)
    accounts = settings.kubernetes_service_accounts
    return Ways(
        Sts(http, admitted, settings.aws_sts_for_tests) if settings.aws_accounts else None,
        ServiceAccounts(keys, settings.hosts, accounts, clock) if keys else None,
        settings.hosts,
    )


def _keys(settings: Settings, http: httpx.AsyncClient, clock: Clock) -> Mapping[str, KeySet]:
    path = settings.kubernetes_keys_file
    loads = {issuer: from_file(path) if path else from_issuer(http, issuer) for issuer in settings.kubernetes_issuers}
    return {issuer: KeySet(issuer, load, clock) for issuer, load in loads.items()}
