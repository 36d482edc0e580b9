"""Writes metrics.md from the registries of the ingest and of the webhook."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry

from deploy.webhook.metrics import Metrics as Webhook
from ingest.metrics import Metrics as Ingest

HEAD = """\
# Metrics

Written from `ingest/metrics.py` and `deploy/webhook/metrics.py` by `make docs`; `make check` keeps it current.

Both answer `GET /metrics` in Prometheus' text form without a token, the ingest on its own port, the webhook on 8080.
The sensor has no port: what it says of itself are its heartbeats ([operating.md](operating.md)). Counters begin at 0
when the process starts.

"""
COLUMNS = "| Metric | Type | Labels | Says |\n| --- | --- | --- | --- |\n"


def render() -> str:
    """The whole of metrics.md."""
    parts = (("The ingest", Ingest().registry), ("The webhook", Webhook().registry))
    return HEAD + "\n".join(f"## {title}\n\n{COLUMNS}{''.join(_rows(registry))}" for title, registry in parts)


def _rows(registry: CollectorRegistry) -> Iterator[str]:
    """A row for each metric, in the order of the code."""
    for collector in registry._collector_to_names:  # the public side has no labels until one was used
        (metric,) = collector.describe()
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        labels = ", ".join(f"`{label}`" for label in getattr(collector, "_labelnames", ()))
        yield f"| `{name}` | {metric.type} | {labels} | {metric.documentation} |\n"
