"""What the endpoint says of itself to Prometheus. Labels come from fixed lists, never from what clients send."""

import math
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from ingest.answers import HEADERS
from ingest.store.protocol import State

Handler = Callable[[Request], Awaitable[Response]]


class Metrics:
    """All counters of one endpoint, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.batches = Counter(
            "ingest_batches", "Batches by the status they were answered with.", ["status"], registry=registry
        )
        self.logins = Counter(
            "ingest_logins", "Logins by the status they were answered with.", ["status"], registry=registry
        )
        self.events = Counter(
            "ingest_events", "Events in batches that were taken, duplicates among them.", ["kind"], registry=registry
        )
        self.duplicates = Counter("ingest_duplicates", "Events that were stored already.", registry=registry)
        self.bytes = Counter("ingest_bytes", "Bytes of batches: sent, and plain.", ["form"], registry=registry)
        self.requests = Histogram("ingest_request_seconds", "Time until an answer began.", ["route"], registry=registry)
        self.streams = Gauge("ingest_streams", "Live streams.", registry=registry)
        self.skipped = Counter("ingest_stream_skipped", "Events that slow live streams skipped.", registry=registry)
        self.store_bytes = Gauge("ingest_store_bytes", "Size of the store's files.", registry=registry)
        self.store_events = Gauge("ingest_store_events", "Events that are stored.", registry=registry)
        self.store_tasks = Gauge("ingest_store_tasks", "Tasks that have events stored.", registry=registry)
        self.store_arrivals = Gauge(
            "ingest_store_arrivals", "Events ever stored, those deleted since among them.", registry=registry
        )

    def stored(self, kinds: Iterable[str], duplicates: int) -> None:
        """Count the events of a batch that was taken."""
        for kind, n in Tally(kinds).items():
            self.events.labels(kind).inc(n)
        self.duplicates.inc(duplicates)

    def exposition(self, state: State | None) -> Response:
        """The text that Prometheus reads; without a state of the store its figures are NaN."""
        self.store_bytes.set(state.bytes if state else math.nan)
        self.store_events.set(state.events if state else math.nan)
        self.store_tasks.set(state.tasks if state else math.nan)
        self.store_arrivals.set(state.latest if state else math.nan)
        return Response(generate_latest(self.registry), headers={**HEADERS, "Content-Type": CONTENT_TYPE_LATEST})

    def timed(self, route: str, handler: Handler) -> Handler:
        """The handler with its time taken."""
        seconds = self.requests.labels(route)

        async def handle(request: Request) -> Response:
            with seconds.time():
                return await handler(request)

        return handle
