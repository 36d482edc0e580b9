"""Storing a batch: each event once, by its identity, and the counts that the listing of tasks is made of."""

import json
import sqlite3
from collections import Counter

from ingest.store.protocol import Appended
from ingest.store.rows import Row, Rows
from ingest.store.sqlite_schema import MINUTE_NS
from sensor.model.codec import part_to_json
from sensor.model.kinds import Kind

_TASK = """
INSERT INTO tasks (name, platform, header, principal, first_seen, last_seen) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET last_seen = excluded.last_seen
RETURNING id
"""
_HEADER = """
UPDATE tasks SET platform = ?, header = ?, principal = ?
WHERE id = ? AND (principal IS NULL OR principal = ?)
"""
"""What a proven header says stays until who has proven it says otherwise."""

_HEARD = """
UPDATE watches SET last_seen = ? WHERE principal IS ?
    AND task = (SELECT id FROM tasks WHERE name = ?)
    AND sender = (SELECT id FROM senders WHERE sensor = ? AND epoch = ?)
RETURNING task
"""
_SENDER = """
INSERT INTO senders (sensor, epoch) VALUES (?, ?)
ON CONFLICT (sensor, epoch) DO UPDATE SET epoch = excluded.epoch
RETURNING id
"""
_CONTAINER = """
INSERT INTO containers (task, runtime_id, events) VALUES (?, ?, 0)
ON CONFLICT (task, runtime_id) DO UPDATE SET events = events
RETURNING id
"""
_IN_CONTAINER = """
UPDATE containers SET events = events + ?, name = coalesce(?, name), image = coalesce(?, image),
    image_id = coalesce(?, image_id)
WHERE id = ?
"""
_IN_CONTAINER_OF_ANOTHER = """
UPDATE containers SET events = events + ?, name = coalesce(name, ?), image = coalesce(image, ?),
    image_id = coalesce(image_id, ?)
WHERE id = ?
"""
"""As with the header: what is known of a container of a proven task is replaced only by who has proven it."""

_EVENT = """
INSERT INTO events (sender, lane, seq, task, received, time, kind, container, entity, pid, text)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT))
ON CONFLICT (sender, lane, seq) DO NOTHING
"""
_WATCH = """
INSERT INTO watches (task, sender, version, config, first_seen, last_seen,
    events, detections, seen, unexplained, losses_told, losses_running, stopped, principal)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (task, sender) DO UPDATE SET version = excluded.version, config = excluded.config,
    principal = CASE WHEN principal = excluded.principal THEN principal END,
    last_seen = excluded.last_seen, events = events + excluded.events,
    detections = detections + excluded.detections, seen = seen + excluded.seen,
    unexplained = unexplained + excluded.unexplained,
    losses_told = losses_told + excluded.losses_told, losses_running = max(losses_running, excluded.losses_running),
    stopped = max(stopped, excluded.stopped)
"""
_LANE = """
INSERT INTO lanes (sender, lane, lowest, highest, events) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (sender, lane) DO UPDATE SET lowest = min(lowest, excluded.lowest),
    highest = max(highest, excluded.highest), events = events + excluded.events
"""

_MINUTE = """
INSERT INTO minutes (task, minute, seen, unexplained) VALUES (?, ?, ?, ?)
ON CONFLICT (task, minute) DO UPDATE SET seen = seen + excluded.seen, unexplained = unexplained + excluded.unexplained
"""


def append(db: sqlite3.Connection, rows: Rows, now: int) -> Appended:
    """Store what is new. Must be called inside a transaction; `now` is the time of arrival in ns.

    A batch in which nothing is new changes nothing but when its sender was last heard of.
    """
    if not rows.rows:
        return Appended(0, 0)
    db.execute("SAVEPOINT batch")
    fresh = _store(db, rows, now)
    if len(fresh) < len(rows.rows):  # what was there already has used up arrival numbers, which are to have no gaps
        db.execute("ROLLBACK TO batch")
        if fresh:
            _store(db, rows._replace(rows=tuple(fresh)), now)
        else:
            _heard(db, rows, now)
    db.execute("RELEASE batch")
    return Appended(len(fresh), len(rows.rows) - len(fresh))


def _store(db: sqlite3.Connection, rows: Rows, now: int) -> list[Row]:
    """Insert and count what is new; which those are."""
    text, platform = _header(rows)
    task = int(db.execute(_TASK, (rows.task, platform, text, rows.principal, now, now)).fetchone()[0])
    sender = int(db.execute(_SENDER, (rows.header.sensor.id, rows.header.sensor.epoch)).fetchone()[0])
    containers = _containers(db, task, rows.rows)
    fresh = [row for row in rows.rows if _insert(db, row, task, sender, now, containers)]
    if fresh:
        own = db.execute(_HEADER, (platform, text, rows.principal, task, rows.principal)).rowcount == 1
        _count(db, rows, task, sender, now, fresh)
        _count_containers(db, fresh, containers, own=own)
    return fresh


def _header(rows: Rows) -> tuple[str, str | None]:
    """What is kept of a header, as JSON, and its platform."""
    header = part_to_json(rows.header)
    kept = {name: header[name] for name in ("task", "pod") if name in header}
    return json.dumps(kept, ensure_ascii=False), rows.header.task.platform if rows.header.task else None


def _heard(db: sqlite3.Connection, rows: Rows, now: int) -> None:
    """That a sender lives, where it reported for the task before, and as the same: anyone can repeat its events."""
    sensor = rows.header.sensor
    for task in db.execute(_HEARD, (now, rows.principal, rows.task, sensor.id, sensor.epoch)).fetchall():
        db.execute("UPDATE tasks SET last_seen = ? WHERE id = ?", (now, *task))


def _containers(db: sqlite3.Connection, task: int, rows: tuple[Row, ...]) -> dict[str, int]:
    """The row number of each container in the batch, by its id; what is told of it counts with its events."""
    named = dict.fromkeys(row.container.id for row in rows if row.container is not None)
    return {container: int(db.execute(_CONTAINER, (task, container)).fetchone()[0]) for container in named}


def _insert(db: sqlite3.Connection, row: Row, task: int, sender: int, now: int, containers: dict[str, int]) -> bool:
    """Whether the event was new; the unique index decides, within the batch as well."""
    container = containers[row.container.id] if row.container else None
    place = (sender, row.lane, row.seq, task, now, row.time, row.kind, container, row.entity, row.pid, row.text)
    return db.execute(_EVENT, place).rowcount == 1


def _count(db: sqlite3.Connection, rows: Rows, task: int, sender: int, now: int, fresh: list[Row]) -> None:
    sensor = rows.header.sensor
    seen, unexplained = sum(row.seen for row in fresh), sum(row.unexplained for row in fresh)
    counts = (
        len(fresh),
        sum(row.kind == Kind.DETECTION for row in fresh),
        seen,
        unexplained,
        sum(row.losses_told for row in fresh),
        max(row.losses_running for row in fresh),
        any(row.kind == Kind.SENSOR_STOP for row in fresh),
    )
    db.execute(_WATCH, (task, sender, sensor.version, sensor.config, now, now, *counts, rows.principal))
    for lane in {row.lane for row in fresh}:
        seqs = [row.seq for row in fresh if row.lane == lane]
        db.execute(_LANE, (sender, lane, min(seqs), max(seqs), len(seqs)))
    if seen or unexplained:
        db.execute(_MINUTE, (task, now // MINUTE_NS, seen, unexplained))


def _count_containers(db: sqlite3.Connection, fresh: list[Row], containers: dict[str, int], *, own: bool) -> None:
    """Count what is new in each container, and keep its names; `own` is whether these may replace others."""
    counts = Counter(row.container for row in fresh if row.container)
    told = [(n, *texts, containers[key]) for (key, *texts), n in counts.items()]
    db.executemany(_IN_CONTAINER if own else _IN_CONTAINER_OF_ANOTHER, told)
