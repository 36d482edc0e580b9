"""How the sensor proves to the ingest who it is: the way that was asked for, or the best that is at hand."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace

from sensor.config.problem import Problem
from sensor.config.settings import IngestIdentity, Settings, variable

ECS_CREDENTIALS = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
"""Set in every container of an ECS task that has a role."""

USUAL_FILE = "/var/run/secrets/fargate-sensor/token"
"""Where a service account's token is expected to be projected."""


def chosen(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """The settings with `auto` decided, and with the usual file where it is there.

    A token that somebody gave is used: it worked before there were logins, and no ingest takes them unasked. Else the
    role of an ECS task, which proves the task, goes before a pod's token.
    """
    file = settings.ingest_identity_file or (USUAL_FILE if os.path.exists(USUAL_FILE) else None)
    identity = settings.ingest_identity
    if identity == "auto":
        identity = _at_hand(settings, environ, file)
    return replace(settings, ingest_identity=identity, ingest_identity_file=file)


def _at_hand(settings: Settings, environ: Mapping[str, str], file: str | None) -> IngestIdentity:
    if settings.ingest_token or settings.ingest_token_file:
        return "token"
    if environ.get(ECS_CREDENTIALS):
        return "aws"
    return "kubernetes" if file else "token"


def problems(settings: Settings) -> Iterator[Problem]:
    """What is missing for the way that is used."""
    if settings.ingest_identity == "token" and not settings.ingest_token and not settings.ingest_token_file:
        other = f"or {variable('ingest_token_file')}, or a role for the task, or a projected token in the pod"
        yield Problem("ingest_token", f"missing; ingest_http needs it, {other}")
    if settings.ingest_identity == "kubernetes" and not settings.ingest_identity_file:
        yield Problem("ingest_identity_file", f"missing, and there is no {USUAL_FILE}; project the token into the pod")
