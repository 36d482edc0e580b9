"""Where the services of AWS are: by region, or as the variables say that all AWS SDKs know."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from sensor.model.errors import PermanentError
from sensor.model.hostname import is_resolvable

ENDPOINT = "AWS_ENDPOINT_URL"
"""For all services; with `_STS` and so on for one, which wins. For VPC endpoints, FIPS and tests (AWS SDKs and Tools
Reference Guide, "Service-specific endpoints")."""


def given_endpoint(service: str, environ: Mapping[str, str]) -> str | None:
    """The address that the environment names for a service. Raises `PermanentError` for one that is none."""
    for name in (f"{ENDPOINT}_{service.upper()}", ENDPOINT):
        if value := environ.get(name, "").strip():
            return _checked(value, name)
    return None


def endpoint(service: str, region: str, environ: Mapping[str, str]) -> str:
    """The address of a service in a region, without a slash at its end. Raises `PermanentError`."""
    return given_endpoint(service, environ) or f"https://{service}.{region}.{suffix(region)}"


def suffix(region: str) -> str:
    """The domain of the region's partition; other than China's, those with a domain of their own need the variables."""
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def _checked(value: str, name: str) -> str:
    """The address is not repeated in an error: it may hold a password."""
    try:
        url = urlsplit(value)
        sound = (
            url.scheme in ("http", "https")
            and is_resolvable(url.hostname or "")
            and url.username is None
            and url.port != 0
        )
    except ValueError:
        sound = False
    if not sound or url.query or url.fragment or not value.isascii() or not value.isprintable():
        raise PermanentError(f"{name} should be http:// or https:// with a host, without user or password")
    return value.rstrip("/")
