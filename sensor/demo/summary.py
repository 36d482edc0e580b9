"""What the demo saw, as a table."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from sensor.demo.ingest_client import IngestClient
from sensor.model.counters import catch_rate
from sensor.watch.words import size, unexplained

OWN = "sensor."
"""How the kinds of the sensor's reports about itself begin."""


class Summary(NamedTuple):
    """Events by kind, bytes by form, losses by reason; the most processes that may have gone unseen, and those seen."""

    kinds: Counter[str]
    bytes: Mapping[str, int]
    losses: Mapping[str, int]
    unexplained: int
    seen: int

    @property
    def arrived(self) -> bool:
        """Whether anything was seen besides the sensor itself."""
        return any(not kind.startswith(OWN) for kind in self.kinds)

    def table(self) -> str:
        """For people."""
        kinds = [*sorted(self.kinds.items()), ("all", self.kinds.total())]
        losses = [(reason, str(n)) for reason, n in sorted(self.losses.items())] or [("nothing", "")]
        return "\n".join(
            [
                "",
                "events",
                *(f"  {kind:<20} {n:>8,}" for kind, n in kinds),
                "shipped",
                f"  {size(self.bytes.get('sent', 0))}, {size(self.bytes.get('plain', 0))} before compression",
                "lost",
                *(f"  {reason:<20} {n:>8}".rstrip() for reason, n in losses),
                f"  {unexplained(self.unexplained, catch_rate(self.seen, self.unexplained))}",
                "",
            ]
        )


def summarise(ingest: IngestClient) -> Summary:
    """Ask the ingest for all of it. Raises OSError."""
    tasks = ingest.tasks()
    return Summary(
        kinds=ingest.events_by_kind(),
        bytes=ingest.bytes_taken(),
        losses=_losses(ingest),
        unexplained=sum(int(task["unexplained"]) for task in tasks),
        seen=sum(int(task["seen"]) for task in tasks),
    )


def _losses(ingest: IngestClient) -> Mapping[str, int]:
    """By reason since the start, from the sensor's last report: its farewell, or a heartbeat if there is none."""
    for kind in ("sensor.stop", "sensor.heartbeat"):
        reports: list[dict[str, Any]] = ingest.events_of(kind)
        if reports:
            return dict(reports[0].get("health", {}).get("losses", {}))
    return {}
