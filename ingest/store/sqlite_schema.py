"""The tables, how they came to be, and what is checked before a file is used.

`events.arrival` is the cursor of every listing: AUTOINCREMENT, so that no number is given twice, even after the newest
events were deleted. The identity of an event is (sensor, epoch, lane, seq); sensor and epoch stand once, in `senders`.
A sensor may change its mind about its task, so `watches` counts by sender and task. `minutes` has what health reports
told of processes by the minute (since 1970) in which they came in, for the last hour. `watches.principal` is who all
batches of that run were bound to, NULL where one was not; `tasks.principal` is who has proven to be the task that
`header` tells of, NULL where that is only claimed. `lanes` has the first and the last number that came in each lane of
a sender, and how many did: those that are missing between them were lost on the way. What has no event left is deleted
with the last one, all that hangs on it too: the numbers of these rows are given again.
"""

import sqlite3
import time

from ingest.store.errors import StoreUnusable

APPLICATION_ID = 0x46535331  # "FSS1" in the file's header, https://www.sqlite.org/fileformat.html section 1.3.14

MINUTE_NS = 60_000_000_000

_OUTSIDE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)

MIGRATIONS = (
    """
    CREATE TABLE tasks (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        platform TEXT,
        header TEXT NOT NULL,
        first_seen INTEGER NOT NULL,
        last_seen INTEGER NOT NULL
    );
    CREATE INDEX tasks_last_seen ON tasks (last_seen);
    CREATE TABLE senders (
        id INTEGER PRIMARY KEY,
        sensor TEXT NOT NULL,
        epoch TEXT NOT NULL,
        UNIQUE (sensor, epoch)
    );
    CREATE TABLE watches (
        task INTEGER NOT NULL,
        sender INTEGER NOT NULL,
        version TEXT NOT NULL,
        config TEXT,
        first_seen INTEGER NOT NULL,
        last_seen INTEGER NOT NULL,
        events INTEGER NOT NULL,
        detections INTEGER NOT NULL,
        unexplained INTEGER NOT NULL,
        losses_told INTEGER NOT NULL,
        losses_running INTEGER NOT NULL,
        PRIMARY KEY (task, sender)
    ) WITHOUT ROWID;
    CREATE INDEX watches_sender ON watches (sender);
    CREATE TABLE containers (
        id INTEGER PRIMARY KEY,
        task INTEGER NOT NULL,
        runtime_id TEXT NOT NULL,
        name TEXT,
        image TEXT,
        image_id TEXT,
        events INTEGER NOT NULL,
        UNIQUE (task, runtime_id)
    );
    CREATE TABLE events (
        arrival INTEGER PRIMARY KEY AUTOINCREMENT,
        sender INTEGER NOT NULL,
        lane TEXT NOT NULL,
        seq INTEGER NOT NULL,
        task INTEGER NOT NULL,
        received INTEGER NOT NULL,
        time INTEGER NOT NULL,
        kind TEXT NOT NULL,
        container INTEGER,
        entity TEXT,
        pid INTEGER,
        text TEXT NOT NULL,
        UNIQUE (sender, lane, seq)
    );
    CREATE INDEX events_task ON events (task);
    CREATE INDEX events_kind ON events (kind);
    CREATE INDEX events_entity ON events (entity) WHERE entity IS NOT NULL;
    CREATE TABLE beats (id INTEGER PRIMARY KEY, at INTEGER NOT NULL);
    """,
    """
    ALTER TABLE watches ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE minutes (
        task INTEGER NOT NULL,
        minute INTEGER NOT NULL,
        seen INTEGER NOT NULL,
        unexplained INTEGER NOT NULL,
        PRIMARY KEY (task, minute)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE watches ADD COLUMN principal TEXT;
    """,
    """
    ALTER TABLE tasks ADD COLUMN principal TEXT;
    UPDATE tasks SET principal = (
        SELECT min(principal) FROM watches WHERE watches.task = tasks.id GROUP BY task
        HAVING count(*) = count(principal) AND count(DISTINCT principal) = 1
    );
    """,
    """
    ALTER TABLE watches ADD COLUMN stopped INTEGER NOT NULL DEFAULT 0;
    UPDATE watches SET stopped = 1
    WHERE (task, sender) IN (SELECT task, sender FROM events WHERE kind = 'sensor.stop');
    CREATE TABLE lanes (
        sender INTEGER NOT NULL,
        lane TEXT NOT NULL,
        lowest INTEGER NOT NULL,
        highest INTEGER NOT NULL,
        events INTEGER NOT NULL,
        PRIMARY KEY (sender, lane)
    ) WITHOUT ROWID;
    INSERT INTO lanes SELECT sender, lane, min(seq), max(seq), count(*) FROM events GROUP BY sender, lane;
    """,
    """
    DELETE FROM watches WHERE events = 0;
    DELETE FROM containers WHERE events = 0;
    DELETE FROM tasks WHERE NOT EXISTS (SELECT 1 FROM watches WHERE watches.task = tasks.id);
    DELETE FROM minutes WHERE NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.id = minutes.task);
    DELETE FROM senders WHERE NOT EXISTS (SELECT 1 FROM watches WHERE watches.sender = senders.id);
    DELETE FROM lanes WHERE NOT EXISTS (SELECT 1 FROM senders WHERE senders.id = lanes.sender);
    """,
)
"""One script a version: the first makes version 1, each later one leads from the version before it to its own."""


def check(db: sqlite3.Connection, path: str, seconds: float = 5.0) -> bool:
    """Read the file through as far as that takes at most `seconds`; whether it was read to the end.

    Raises `StoreUnusable` for a file that is damaged, another program's, or of a later version, and `sqlite3.Error` for
    what says nothing about the file (`says_nothing_of_the_file`).
    """
    try:
        owner, version = _number(db, "application_id"), _number(db, "user_version")
        empty = _number(db, "page_count") == 0
        whole = _read_through(db, seconds)
    except sqlite3.DatabaseError as error:
        if says_nothing_of_the_file(error):
            raise
        raise StoreUnusable(f"{path}: damaged ({error}); move it away and start again") from error
    if not empty and owner != APPLICATION_ID:
        raise StoreUnusable(f"{path}: not a store of this program; name another directory")
    if version > len(MIGRATIONS):
        raise StoreUnusable(f"{path}: made by a later version (schema {version}); this one knows {len(MIGRATIONS)}")
    return whole


def says_nothing_of_the_file(error: sqlite3.Error) -> bool:
    """Whether it tells of the disk, the rights or another program, so that the file may be whole; as a full disk does,
    on which not even the index of the write-ahead log can be made."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF in _OUTSIDE  # the rest says more exactly what


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables to the newest version, each step whole or not at all."""
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for number, script in enumerate(MIGRATIONS[_number(db, "user_version") :], _number(db, "user_version") + 1):
        db.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")


def _read_through(db: sqlite3.Connection, seconds: float) -> bool:
    """PRAGMA quick_check, interrupted when the time is over: a store of many GB must not hold up the start."""
    until = time.monotonic() + seconds
    db.set_progress_handler(lambda: time.monotonic() > until, 10_000)
    try:
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return False
        raise
    finally:
        db.set_progress_handler(None, 0)
    if found != "ok":
        raise sqlite3.DatabaseError(found.splitlines()[-1])  # the first line only says which database
    return True


def _number(db: sqlite3.Connection, pragma: str) -> int:
    return int(db.execute(f"PRAGMA {pragma}").fetchone()[0])
