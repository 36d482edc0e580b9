"""The listing of tasks and containers, from the counts that are kept beside the events."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from ingest.store.protocol import Catch, SensorSeen, TaskSummary
from ingest.store.sqlite_schema import MINUTE_NS
from sensor.model.events import Container, Timestamp

SENSORS = 20
"""The most sensor runs listed for a task: one that restarts all the time must not fill the answer."""

MINUTES = 60
"""Whole minutes, the running one among them, that count as the last hour."""

_TASKS = """
SELECT tasks.id, tasks.name, platform, header, tasks.first_seen, tasks.last_seen, sum(events), sum(detections),
    sum(max(losses_told, losses_running)), sum(seen), sum(unexplained),
    (SELECT count(*) FROM containers WHERE containers.task = tasks.id AND containers.events > 0),
    count(*), count(watches.principal), count(DISTINCT watches.principal)
FROM tasks JOIN watches ON watches.task = tasks.id
WHERE watches.events > 0 {condition}
GROUP BY tasks.id ORDER BY tasks.last_seen DESC, tasks.id DESC LIMIT ?
"""
_SENSORS = """
SELECT sensor, epoch, version, config, first_seen, last_seen, principal
FROM watches JOIN senders ON senders.id = watches.sender
WHERE task = ? AND events > 0 ORDER BY last_seen DESC, sender DESC LIMIT ?
"""
_CATCH = "SELECT coalesce(sum(seen), 0), coalesce(sum(unexplained), 0) FROM minutes WHERE task = ? AND minute > ?"
_CONTAINERS = """
SELECT runtime_id, containers.name, image, image_id FROM containers JOIN tasks ON tasks.id = containers.task
WHERE tasks.name = ? AND events > 0 ORDER BY containers.id
"""


def tasks(db: sqlite3.Connection, limit: int, now: int) -> list[TaskSummary]:
    """The tasks heard of last, at most `limit` of them; `now` in ns."""
    return [_summary(db, row, now) for row in db.execute(_TASKS.format(condition=""), (limit,)).fetchall()]


def task(db: sqlite3.Connection, name: str, now: int) -> TaskSummary | None:
    """One task by its name; `now` in ns."""
    row = db.execute(_TASKS.format(condition="AND tasks.name = ?"), (name, 1)).fetchone()
    return _summary(db, row, now) if row else None


def containers(db: sqlite3.Connection, name: str) -> list[Container]:
    """The containers of one task."""
    return [Container(*row) for row in db.execute(_CONTAINERS, (name,)).fetchall()]


def _summary(db: sqlite3.Connection, row: Sequence[Any], now: int) -> TaskSummary:
    number, name, platform, header, first_seen, last_seen, events, detections, losses, seen, unexplained, *rest = row
    count, runs, verified, principals = rest
    last_hour = db.execute(_CATCH, (number, now // MINUTE_NS - MINUTES)).fetchone()
    sensors = db.execute(_SENSORS, (number, SENSORS)).fetchall()
    return TaskSummary(
        id=name,
        platform=platform,
        first_seen=Timestamp(first_seen),
        last_seen=Timestamp(last_seen),
        events=events,
        containers=count,
        detections=detections,
        losses=losses,
        catch=Catch(seen, unexplained),
        last_hour=Catch(*last_hour),
        header=json.loads(header),
        sensors=tuple(SensorSeen(*sensor) for sensor in sensors),
        identity="claimed" if not verified else "verified" if verified == runs and principals == 1 else "mixed",
    )
