"""Whether the ingest can be reached from here, the way the sensor will reach it: same CA file, same proxy."""

import asyncio

from sensor.config.settings import Settings, variable
from sensor.doctor.check import Check, degraded, ok, unavailable
from sensor.model.errors import PermanentError

TIMEOUT_S = 5.0
NAME = "ingest"


def check(settings: Settings) -> Check | None:
    """`GET {ingest_url}/healthz`; None where no ingest is configured."""
    if "ingest_http" not in settings.destinations or settings.ingest_url is None:
        return None
    proof = "the token" if settings.ingest_identity == "token" else f"the login ({settings.ingest_identity})"
    return asyncio.run(_ask(settings.ingest_url, settings.ingest_ca_file, proof))


async def _ask(url: str, ca_file: str | None, proof: str) -> Check:
    from shippers.http_client import http_client, httpx  # 50 ms, and only where there is an ingest to ask

    try:
        async with http_client(ca_file=ca_file, timeout=httpx.Timeout(TIMEOUT_S)) as client:
            status = (await client.get(url.rstrip("/") + "/healthz")).status_code
    except PermanentError as error:
        return unavailable(NAME, str(error))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return unavailable(NAME, _said(error), f"check {variable('ingest_url')}, DNS, security groups and proxy")
    if status == 200:
        return ok(NAME, f"reachable; whether it takes {proof} is seen at the first batch")
    return degraded(NAME, f"answers its /healthz with {status}", f"is {variable('ingest_url')} an ingest?")


def _said(error: Exception) -> str:
    kind = type(error).__name__
    return f"not reachable: {kind}" + (f" ({error})" if str(error) else "")
