"""What the webhook says of itself to Prometheus. Labels come from fixed lists, never from what clients send."""

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0)


class Metrics:
    """All counters of one webhook, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "webhook_requests", "Requests by the status they were answered with.", ["status"], registry=registry
        )
        self.patched = Counter("webhook_patched", "Pods that got the sensor, dry runs among them.", registry=registry)
        self.left_alone = Counter(
            "webhook_left_alone", "Pods that got no sensor, by reason.", ["reason"], registry=registry
        )
        self.faults = Counter("webhook_faults", "Faults of the webhook's own; the pod started.", registry=registry)
        self.certificates = Counter(
            "webhook_certificate_loads", "Certificates read, by result.", ["result"], registry=registry
        )
        self.seconds = Histogram(
            "webhook_request_seconds", "Time from the request to the answer.", buckets=BUCKETS, registry=registry
        )

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)
