"""What a destination has to know of a record that it carries: read from the JSON, in our own form or in OCSF."""

import json
import re
from typing import Any, NamedTuple

from sensor.model.times import to_rfc3339

UNKNOWN = "unknown"
_IDENTITY = re.compile(r"[^/]+/[^/]+/[^/]+/\d{1,20}", re.ASCII)


class Facts(NamedTuple):
    """Whose event it is and which: `id` is `sensor/epoch/lane/seq`. `day` is in UTC, `yyyymmdd`."""

    id: str
    kind: str
    day: str
    account: str
    region: str

    @property
    def sensor(self) -> str:
        """The sensor, which is one for each task."""
        return self._parts()[0]

    @property
    def epoch(self) -> str:
        """The start of the sensor."""
        return self._parts()[1]

    @property
    def lane(self) -> str:
        """The lane: within one of a sensor's start, `seq` counts without gaps."""
        return self._parts()[2]

    @property
    def seq(self) -> int:
        """The number within the lane."""
        return int(self._parts()[3])

    @property
    def order(self) -> str:
        """What is equal for all events that have an order: the task's sensor and the lane."""
        return f"{self.sensor}/{self.lane}"

    def _parts(self) -> list[str]:
        """A sensor's id holds no slash."""
        return self.id.split("/")


def facts(record: bytes) -> Facts:
    """The facts of a record. Raises ValueError for one that the pipeline did not make."""
    plain = json.loads(record)
    if not isinstance(plain, dict):
        raise ValueError("no event of ours: it is no object")  # noqa: TRY004  # bad content, as all else here
    try:
        found = _of_ocsf(plain) if "class_uid" in plain else _of_native(plain)
        if not _IDENTITY.fullmatch(found.id):
            raise ValueError(f"{found.id!r} is no identity of an event")
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"no event of ours: {error!r}") from error
    return found


def _of_native(plain: dict[str, Any]) -> Facts:
    task = plain.get("task", {})
    return Facts(
        plain["id"], plain["kind"], _day(plain["time"]), task.get("account", UNKNOWN), task.get("region", UNKNOWN)
    )


def _of_ocsf(plain: dict[str, Any]) -> Facts:
    cloud, metadata = plain.get("cloud", {}), plain["metadata"]
    return Facts(
        metadata["uid"],
        metadata["event_code"],
        _day(to_rfc3339(plain["time"] * 1_000_000)),
        cloud.get("account", {}).get("uid", UNKNOWN),
        cloud.get("region", UNKNOWN),
    )


def _day(time: str) -> str:
    return time[:10].replace("-", "")
