"""Keeping the store within its age and its size: the oldest arrivals go first, in small pieces between the writes.

The file does not grow past its limit: room is made in the same transaction that needs it, freed pages are used again,
and a batch for which all of it would not do is refused before (`SqliteStore.append`). What retention frees beyond that
is given back to the file system by `shrink`.
"""

import sqlite3

from ingest.store.sqlite_schema import MINUTE_NS
from ingest.store.sqlite_search import bounds
from ingest.store.sqlite_tasks import MINUTES

PIECE = 500
"""Events deleted in one step."""

LOOKS = 256
"""Where a clock was ahead, what is too old is found behind its events once it is one part in this many of all."""

SPARE_SHARE = 8
"""One part in this many of the file may be free pages, which new events will use, before it is made smaller."""

SHRINK_PAGES = 1_000
"""Pages given back in one step (4 MB)."""

_EMPTY_CONTAINER = ("DELETE FROM containers WHERE id = ? AND events = 0",)
_EMPTY_WATCH = ("DELETE FROM watches WHERE task = ? AND sender = ? AND events = 0",)
_EMPTY_TASK = (
    "DELETE FROM tasks WHERE id = ? AND NOT EXISTS (SELECT 1 FROM watches WHERE watches.task = tasks.id)",
    "DELETE FROM minutes WHERE task = ? AND NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.id = minutes.task)",
)
_EMPTY_SENDER = (
    "DELETE FROM senders WHERE id = ? AND NOT EXISTS (SELECT 1 FROM watches WHERE watches.sender = senders.id)",
    "DELETE FROM lanes WHERE sender = ? AND NOT EXISTS (SELECT 1 FROM senders WHERE senders.id = lanes.sender)",
)
"""A task or a sender is empty once its watches are gone. Numbers are given again: what has one must go with it."""


def make_room(db: sqlite3.Connection, limit: int, needed: int) -> None:
    """Delete the oldest events until `needed` bytes more, which should be below it, stay within `limit`; with nothing
    left to delete it ends as well.

    A file that is beyond a limit that was lowered grows no further; `drop_excess` brings it down.
    """
    most = max(limit, used_bytes(db))
    while used_bytes(db) + needed > most and drop_oldest(db):
        pass


def drop_excess(db: sqlite3.Connection, limit: int) -> int:
    """Delete up to `PIECE` of the oldest events where more than `limit` bytes are in use; the number deleted."""
    return drop_oldest(db) if used_bytes(db) > limit else 0


def drop_old(db: sqlite3.Connection, now: int, keep: int) -> int:
    """Delete up to `PIECE` of the oldest events that arrived more than `keep` ns before `now`; the number deleted.

    What arrived before something that is old enough goes with it where both are among the oldest, or where the oldest
    are from the future: then a clock was ahead for a while, and would hold up all that came after it for as long.
    """
    oldest = _oldest(db)
    if oldest and oldest[0][1] > now and _is_old_behind(db, now - keep):
        return _drop(db, oldest[-1][0])
    old = [arrival for arrival, received in oldest if received < now - keep]
    return _drop(db, old[-1]) if old else 0


def drop_oldest(db: sqlite3.Connection) -> int:
    """Delete up to `PIECE` of the oldest events, all counts kept right; the number deleted."""
    oldest = _oldest(db)
    return _drop(db, oldest[-1][0]) if oldest else 0


def _oldest(db: sqlite3.Connection) -> list[tuple[int, int]]:
    """Arrival number and time of the next piece."""
    return db.execute("SELECT arrival, received FROM events ORDER BY arrival LIMIT ?", (PIECE,)).fetchall()


def _drop(db: sqlite3.Connection, edge: int) -> int:
    _uncount(db, edge)
    return db.execute("DELETE FROM events WHERE arrival <= ?", (edge,)).rowcount


def _is_old_behind(db: sqlite3.Connection, received_before: int) -> bool:
    """Whether something beyond the next piece is old enough, by looking at `LOOKS` events between it and the latest."""
    first, last = bounds(db)
    step = max(1, (last - first) // LOOKS)
    received = "SELECT received FROM events WHERE arrival >= ? ORDER BY arrival LIMIT 1"
    looked = (db.execute(received, (arrival,)).fetchone() for arrival in range(first + PIECE, last + 1, step))
    return any(row[0] < received_before for row in looked)


def forget_minutes(db: sqlite3.Connection, now: int) -> None:
    """Delete what is older than any question asks for; `now` in ns. What a clock that was ahead wrote goes as well."""
    minute = now // MINUTE_NS
    db.execute("DELETE FROM minutes WHERE minute <= ? OR minute > ?", (minute - 2 * MINUTES, minute + MINUTES))


def shrink(db: sqlite3.Connection) -> bool:
    """Give some free pages back to the file system; False when there are few enough of them."""
    if _number(db, "freelist_count") <= _number(db, "page_count") // SPARE_SHARE:
        return False
    db.execute(f"PRAGMA incremental_vacuum({SHRINK_PAGES})").fetchall()  # each step of the statement frees one page
    return True


def used_bytes(db: sqlite3.Connection) -> int:
    """What is in use of the file, free pages left out; inside a transaction its own changes count."""
    return (_number(db, "page_count") - _number(db, "freelist_count")) * _number(db, "page_size")


def _uncount(db: sqlite3.Connection, edge: int) -> None:
    watched = db.execute(
        "SELECT count(*), sum(kind = 'detection'), task, sender FROM events WHERE arrival <= ? GROUP BY task, sender",
        (edge,),
    ).fetchall()
    db.executemany(
        "UPDATE watches SET events = events - ?, detections = detections - ? WHERE task = ? AND sender = ?", watched
    )
    contained = db.execute(
        "SELECT count(*), container FROM events WHERE arrival <= ? AND container IS NOT NULL GROUP BY container",
        (edge,),
    ).fetchall()
    db.executemany("UPDATE containers SET events = events - ? WHERE id = ?", contained)
    _forget(db, {(task, sender) for *_, task, sender in watched}, {container for _, container in contained})


def _forget(db: sqlite3.Connection, watches: set[tuple[int, int]], containers: set[int]) -> None:
    """Delete those of which no event is left: they are as large as sensors make them, and would cost events room."""
    tasks, senders = ({(key,) for key in keys} for keys in zip(*watches, strict=True))
    empty = (
        ({(container,) for container in containers}, _EMPTY_CONTAINER),
        (watches, _EMPTY_WATCH),
        (tasks, _EMPTY_TASK),
        (senders, _EMPTY_SENDER),
    )
    for keys, statements in empty:
        for statement in statements:
            db.executemany(statement, keys)


def _number(db: sqlite3.Connection, pragma: str) -> int:
    return int(db.execute(f"PRAGMA {pragma}").fetchone()[0])
