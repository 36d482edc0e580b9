"""What injection has changed outside of the sensor's container, so that it can be undone exactly (ADR 0060).

It travels with what it describes, as a label of the container.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from deploy.documents.json_text import object_in

LABEL = "fargate-sensor.before-injection"


@dataclass(frozen=True, slots=True)
class Record:
    """`was` has the task's fields that were changed as they were before, `added` those that were not there. `empty` has
    what `dependsOn` was, by container, where it was there and empty. `resized` is the size that the task was given:
    another one is somebody else's. `depends_on` is what was asked for, and `probes` the mark of the commands that were
    handed to the sensor (`deploy.ecs.probes`); both are no part of what is undone."""

    was: Mapping[str, Any] = field(default_factory=dict)
    added: tuple[str, ...] = ()
    empty: Mapping[str, Any] = field(default_factory=dict)
    resized: Mapping[str, Any] = field(default_factory=dict)
    depends_on: bool = True
    probes: str = ""

    def for_size(self, size: Mapping[str, int | None]) -> "Record":
        """The record for a task that has this size now: without the one before, where it is not what it was given."""
        if size == self.resized:
            return self
        return replace(self, was={key: self.was[key] for key in self.was if key not in size}, resized={})

    def written(self) -> str:
        """The value of the label."""
        plain = {key: value for key, value in asdict(self).items() if key not in ("resized", "probes") or value}
        return json.dumps(plain, separators=(",", ":"), ensure_ascii=False)


def parse(value: object) -> Record | None:
    """The record in a label; None where there is none, or where somebody has written something else there."""
    plain = object_in(value)
    if plain is None:
        return None
    was, added, empty, depends_on = (plain.get(name) for name in ("was", "added", "empty", "depends_on"))
    resized, probes = plain.get("resized", {}), plain.get("probes", "")
    if not (isinstance(was, dict) and isinstance(empty, dict) and isinstance(added, list)):
        return None
    if not (isinstance(depends_on, bool) and isinstance(resized, dict) and isinstance(probes, str)):
        return None
    return Record(was, tuple(one for one in added if isinstance(one, str)), empty, resized, depends_on, probes)
