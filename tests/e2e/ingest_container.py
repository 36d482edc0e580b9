"""The central ingest in a container, and its API as a reader sees it."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
from docker_cli import Container, wait_for

WRITE_TOKEN = "write-in-e2e"
READ_TOKEN = "read-in-e2e"
Event = Mapping[str, Any]


class IngestContainer(Container):
    """An ingest with its data in a volume of its own, so that a restart keeps it.

    With `logins`, settings for them, it has no write token, and bears the name in INGEST_HOSTS. `more` are docker's.
    """

    def __init__(self, image: str, network: str, logins: Mapping[str, str] | None = None, *more: str) -> None:
        settings = {"INGEST_READ_TOKEN": READ_TOKEN, **(logins or {"INGEST_WRITE_TOKEN": WRITE_TOKEN})}
        options = [f"--env={key}={value}" for key, value in settings.items()]
        options += [f"--network={network}", "--publish=127.0.0.1::8080", "--read-only", "--tmpfs=/tmp", *more]
        if logins is not None:
            options.append(f"--network-alias={logins['INGEST_HOSTS']}")
        super().__init__("ingest", image, options, [])

    @property
    def url(self) -> str:
        """Its address for containers in the same network."""
        return f"http://{self.name}:8080"

    def get(self, path: str, **query: str | int) -> httpx.Response:
        """One request to the API with the read token."""
        address = f"http://127.0.0.1:{self.published(8080)}{path}"
        return httpx.get(address, params=query, headers={"Authorization": f"Bearer {READ_TOKEN}"}, timeout=10)

    def ready(self) -> bool:
        """Whether it takes batches."""
        try:
            return self.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def wait_ready(self) -> None:
        """Return once it takes batches."""
        wait_for(f"{self.name} is ready", self.ready)

    def events(self, **query: str | int) -> list[Event]:
        """All events that match, over all pages, in the order of the API."""
        found: list[Event] = []
        cursor: dict[str, str] = {}
        while True:
            answer = self.get("/v1/events", limit=500, **query, **cursor).raise_for_status().json()
            found += answer["events"]
            if answer["next"] is None:
                return found
            cursor = {"cursor": answer["next"]}

    def told_once(self) -> bool:
        """Whether the events of each lane of each sensor's life are numbered from 1 without a hole or a double."""
        numbers: dict[str, list[int]] = {}
        for event in self.events():
            numbers.setdefault(event["id"].rpartition("/")[0], []).append(event["seq"])
        return all(sorted(lane) == list(range(1, len(lane) + 1)) for lane in numbers.values())

    def wait_for(self, kind: str, matches: Callable[[Event], bool], deadline: float = 20) -> Event:
        """The first event of a kind that matches, as soon as the API has it."""

        def probe() -> Event | None:
            return next((event for event in self.events(kind=kind) if matches(event)), None)

        return wait_for(f"a {kind} that the test describes", probe, deadline)
