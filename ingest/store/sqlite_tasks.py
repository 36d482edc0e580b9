"""The listing of tasks and containers, from the counts that are kept beside the events."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from ingest.store.protocol import PAGE_BYTES, Catch, Place, SensorSeen, TaskPage, TaskSummary
from ingest.store.rows import LARGEST_COUNT
from ingest.store.sqlite_schema import MINUTE_NS
from ingest.store.sqlite_search import having
from sensor.model.events import Container, Timestamp

SENSORS = 20
"""The most sensor runs listed for a task: one that restarts all the time must not fill the answer."""

MINUTES = 60
"""Whole minutes, the running one among them, that count as the last hour."""

TASKS = """
SELECT tasks.id, tasks.name, platform, header, tasks.first_seen, tasks.last_seen, sum(events), sum(detections),
    sum(max(losses_told, losses_running)), sum(seen), sum(unexplained),
    (SELECT count(*) FROM containers WHERE containers.task = tasks.id AND containers.events > 0),
    count(*), count(watches.principal), count(DISTINCT watches.principal)
FROM (
    SELECT * FROM tasks WHERE EXISTS (SELECT 1 FROM watches WHERE watches.task = tasks.id AND events > 0) {condition}
    ORDER BY last_seen DESC, name DESC LIMIT ?
) AS tasks JOIN watches ON watches.task = tasks.id
WHERE watches.events > 0
GROUP BY tasks.id ORDER BY tasks.last_seen DESC, tasks.name DESC
"""
"""The inner one is of the index on `last_seen`: only as many tasks are summed up as are listed."""

BEHIND = " AND last_seen <= ? AND (last_seen, name) < (?, ?)"
_SEARCHED = "(name || ' ' || coalesce(platform, '') || ' ' || header)"
_SENSORS = """
SELECT sensor, epoch, version, config, first_seen, last_seen, principal, stopped,
    (SELECT coalesce(sum(min(max(highest - lowest + 1 - lanes.events, 0), ?)), 0)
    FROM lanes WHERE lanes.sender = watches.sender)
FROM watches JOIN senders ON senders.id = watches.sender
WHERE task = ? AND events > 0 ORDER BY last_seen DESC, sender DESC LIMIT ?
"""
_CATCH = "SELECT coalesce(sum(seen), 0), coalesce(sum(unexplained), 0) FROM minutes WHERE task = ? AND minute > ?"
_CONTAINERS = """
SELECT runtime_id, containers.name, image, image_id FROM containers JOIN tasks ON tasks.id = containers.task
WHERE tasks.name = ? AND events > 0 ORDER BY containers.id DESC LIMIT ?
"""


def tasks(
    db: sqlite3.Connection, limit: int, now: int, text: str | None = None, behind: Place | None = None
) -> TaskPage:
    """The tasks heard of last, at most `limit` of them and no more than a page holds; `now` in ns."""
    condition, values = having(_SEARCHED, text)
    place = (behind.last_seen, *behind) if behind else ()
    query = TASKS.format(condition=condition + (BEHIND if behind else ""))
    listed: list[TaskSummary] = []
    size = 0
    with closing(db.execute(query, (*values, *place, limit + 1))) as found:
        for row in found:
            summary = _summary(db, row, now)
            size += _size(row, summary)
            if len(listed) == limit or (listed and size > PAGE_BYTES):
                return TaskPage(listed, more=True)
            listed.append(summary)
    return TaskPage(listed, more=False)


def task(db: sqlite3.Connection, name: str, now: int) -> TaskSummary | None:
    """One task by its name; `now` in ns."""
    row = db.execute(TASKS.format(condition=" AND name = ?"), (name, 1)).fetchone()
    return _summary(db, row, now) if row else None


def containers(db: sqlite3.Connection, name: str, limit: int) -> list[Container]:
    """The newest containers of one task, the oldest of them first."""
    return [Container(*row) for row in reversed(db.execute(_CONTAINERS, (name, limit)).fetchall())]


def _summary(db: sqlite3.Connection, row: Sequence[Any], now: int) -> TaskSummary:
    number, name, platform, header, first_seen, last_seen, events, detections, losses, seen, unexplained, *rest = row
    count, runs, verified, principals = rest
    last_hour = db.execute(_CATCH, (number, now // MINUTE_NS - MINUTES)).fetchone()
    sensors = [_seen(sensor) for sensor in db.execute(_SENSORS, (LARGEST_COUNT, number, SENSORS))]
    began_last = max((sensor.first_seen for sensor in sensors), default=None)
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
        sensors=tuple(sensors),
        identity="claimed" if not verified else "verified" if verified == runs and principals == 1 else "mixed",
        stopped=any(sensor.stopped for sensor in sensors if sensor.first_seen == began_last),
    )


def _size(row: Sequence[Any], summary: TaskSummary) -> int:
    """Characters of the texts of a task and of its runs."""
    return sum(len(value) for part in (row, *summary.sensors) for value in part if isinstance(value, str))


def _seen(row: Sequence[Any]) -> SensorSeen:
    seen = SensorSeen(*row)
    return seen._replace(stopped=bool(seen.stopped))  # which is an integer to SQLite
