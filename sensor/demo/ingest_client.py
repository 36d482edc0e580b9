"""Questions to the demo's own ingest on the loopback, without proxies."""

import json
import re
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

TIMEOUT_S = 5.0
PAGE = 1000


class IngestClient:
    """Reads the API with the read token. Every method raises OSError when the ingest does not answer as expected."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ready(self) -> bool:
        """Whether it takes batches; False as well while it does not answer at all."""
        try:
            self._get("/readyz")
        except OSError:
            return False
        return True

    def events_of(self, kind: str) -> list[dict[str, Any]]:
        """The newest events of one kind."""
        return list(self._json("/v1/events", kind=kind, limit=PAGE)["events"])

    def all_of(self, kind: str) -> list[dict[str, Any]]:
        """All stored events of one kind, the newest first: beside a play a busy machine tells of thousands."""
        return list(self._all(kind=kind))

    def events_by_kind(self) -> Counter[str]:
        """How many events of each kind are stored."""
        return Counter(event["kind"] for event in self._all(order="asc"))

    def tasks(self) -> list[dict[str, Any]]:
        """The tasks with their counts, losses by reason and what went unexplained."""
        return list(self._json("/v1/tasks")["tasks"])

    def bytes_taken(self) -> dict[str, int]:
        """Bytes of all batches, by form: `sent` as they came, `plain` before compression."""
        found = re.findall(r'^ingest_bytes_total\{form="(\w+)"\} (\S+)$', self._get("/metrics"), re.MULTILINE)
        return {form: int(float(number)) for form, number in found}

    def _all(self, **parameters: str) -> Iterator[dict[str, Any]]:
        """The events of every page."""
        page = self._json("/v1/events", limit=PAGE, **parameters)
        yield from page["events"]
        while page["next"] is not None:
            page = self._json("/v1/events", limit=PAGE, cursor=page["next"], **parameters)
            yield from page["events"]

    def _json(self, path: str, **parameters: str | int) -> dict[str, Any]:
        try:
            return dict(json.loads(self._get(f"{path}?{urlencode(parameters)}" if parameters else path)))
        except ValueError as error:
            raise OSError(f"{path}: the ingest's answer is no JSON object") from error

    def _get(self, path: str) -> str:
        request = urllib.request.Request(self._url + path, headers=self._headers)  # noqa: S310 - http on the loopback
        with self._opener.open(request, timeout=TIMEOUT_S) as answer:
            return str(answer.read().decode())
