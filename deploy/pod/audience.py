"""For whom the token of a pod's service account is made: the host of the ingest (docs/identity.md)."""

from urllib.parse import urlsplit

from deploy.pod.wishes import Wishes
from deploy.sidecar import destinations

OTHERWISE = ("SENSOR_INGEST_IDENTITY", "SENSOR_INGEST_TOKEN_FILE")
"""Who sets them may have the sensor prove itself in another way."""
UNKNOWN = (
    "SENSOR_INGEST_URL does not show the host of the ingest, for which the pod's token is made: the sensor has none, "
    "and delivers nothing there; write the host into it, or name a --token-secret"
)


def audience(wishes: Wishes) -> str | None:
    """The host; None where no such token is needed, or the address does not show it."""
    if not _is_wanted(wishes):
        return None
    try:
        parts = urlsplit(wishes.said().get("SENSOR_INGEST_URL", ""))
        host = parts.hostname
    except ValueError:  # the sensor tells what is wrong with it
        return None
    if host is None or "${" not in host:
        return host
    start = parts.netloc.lower().index(host)
    written = parts.netloc[start : start + len(host)]  # the case of a name that is filled in counts
    return written if written.count("${") == written.count("}") else None


def doubt(wishes: Wishes) -> str | None:
    """A line where a token is needed, and for whom is not to be told."""
    said = wishes.said()
    needed = _is_wanted(wishes) and said.get("SENSOR_INGEST_URL") and said.keys().isdisjoint(OTHERWISE)
    return UNKNOWN if needed and audience(wishes) is None else None


def _is_wanted(wishes: Wishes) -> bool:
    return wishes.token_secret is None and destinations.INGEST in destinations.named(wishes.said())
