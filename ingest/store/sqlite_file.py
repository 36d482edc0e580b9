"""Opening the files of the embedded store: the lock on its directory, and the settings of each connection."""

import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from ingest.store.errors import StoreUnusable
from ingest.store.sqlite_schema import check, migrate, says_nothing_of_the_file
from ingest.store.sqlite_search import bounds

log = logging.getLogger("ingest.store")

FILE = "events.sqlite3"
LOG_BYTES = 4 * 1024 * 1024
"""The write-ahead log of a store of ordinary size."""

WRITER_CACHE_KIB = 16 * 1024

Connect = Callable[[Path], sqlite3.Connection]


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode that may be closed from another thread."""
    return sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)


def lock(directory: Path) -> int:
    """A descriptor that holds the lock of the directory: two that write to one store would not hear of each other.

    Raises `StoreUnusable`.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnusable(f"{directory}: cannot be written to ({error.strerror})") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        raise StoreUnusable(
            f"{directory}: in use by another ingest; stop that one or name another directory"
        ) from error
    return held


def open_to_write(path: Path, connect: Connect, log_bytes: int) -> tuple[sqlite3.Connection, int, int | None]:
    """The connection that writes, the latest arrival, and when that was in ns. Raises `StoreUnusable`.

    `log_bytes` is where the write-ahead log is checkpointed, and what it is cut back to; one transaction may pass it.
    """
    try:
        db = connect(path)
    except sqlite3.Error as error:
        raise StoreUnusable(f"{path}: cannot be opened ({error})") from error
    try:
        if not check(db, str(path)):
            log.warning("%s: too large to be read through at the start; going on", path)
        _prepare(db, log_bytes)
        latest = bounds(db)[1]
        return db, latest, _received(db, latest)
    except sqlite3.Error as error:
        db.close()
        raise StoreUnusable(f"{path}: cannot be used ({error}); {_advice(error)}") from error
    except BaseException:
        db.close()
        raise


def _received(db: sqlite3.Connection, arrival: int) -> int | None:
    found = db.execute("SELECT received FROM events WHERE arrival = ?", (arrival,)).fetchone()
    return int(found[0]) if found else None


def _advice(error: sqlite3.Error) -> str:
    """What to do; a store that may be whole is not to be moved away."""
    if says_nothing_of_the_file(error):
        return "see whether its disk is full or fails, who may write to it, and whether another program has it open"
    return "move it away and start again"


def _prepare(db: sqlite3.Connection, log_bytes: int) -> None:
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before the first table, or it has no effect
    migrate(db)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA wal_autocheckpoint = {log_bytes // _page_size(db)}")
    db.execute(f"PRAGMA journal_size_limit = {log_bytes}")
    db.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
    db.execute("PRAGMA temp_store = MEMORY")  # the root file system may be read-only


def open_to_read(path: Path, connect: Connect) -> sqlite3.Connection:
    """A connection that cannot write."""
    db = connect(path)
    db.execute("PRAGMA query_only = ON")
    db.execute("PRAGMA temp_store = MEMORY")
    return db


def size_of(path: Path) -> int:
    """Bytes of a file; none where it cannot be looked at, as one that is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _page_size(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA page_size").fetchone()[0])
