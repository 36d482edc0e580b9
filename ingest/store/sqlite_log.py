"""Keeping the write-ahead log short while somebody reads all the time.

SQLite begins the log anew only where no reader is at an older state than the last commit, and else writes on behind it
(https://www.sqlite.org/wal.html, "Avoiding Excessively Large WAL Files"). Where one question follows on another that is
never so. Once the log is long, new questions therefore wait for those under way to end.
"""

import contextlib
import sqlite3
from pathlib import Path

from ingest.store.sqlite_file import size_of
from ingest.store.sqlite_readers import Readers

LONG = 4
"""So many times the size at which SQLite looks after the log by itself."""


class Log:
    """The log beside a database. `ordinary` is the size in bytes at which SQLite checkpoints it."""

    def __init__(self, path: Path, ordinary: int, readers: Readers) -> None:
        self._path = Path(f"{path}-wal")
        self._readers = readers
        self._most = self._bound = LONG * ordinary

    def size(self) -> int:
        """Bytes on the disk."""
        return size_of(self._path)

    def apply_soon(self) -> None:
        """Have it applied after the next transaction, however short it is: only then the file is cut to its use."""
        self._bound = -1

    def keep_short(self, db: sqlite3.Connection) -> None:
        """To be called between transactions of the writer.

        Where another program reads the file and the log stays, the next try is when as much has been written again.
        """
        if self.size() <= self._bound:
            return
        # A full disk, say, the next transaction meets too, and is told of it.
        with self._readers.held(), contextlib.suppress(sqlite3.Error):
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._bound = self.size() + self._most
