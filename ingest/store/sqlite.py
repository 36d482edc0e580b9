"""The embedded store: one SQLite file in WAL mode, one writing thread, a few reading ones.

`synchronous` is FULL: with NORMAL a commit in WAL mode is written but not synced, so events that were acknowledged,
and forgotten by the sensor, could be lost with the power (https://www.sqlite.org/pragma.html#pragma_synchronous).
What that costs is shared by all batches that wait together.
"""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from ingest.store import sqlite_retention, sqlite_search, sqlite_tasks
from ingest.store.errors import StoreTooSmall
from ingest.store.protocol import Appended, Page, Place, Query, State, TaskPage, TaskSummary
from ingest.store.rows import Rows
from ingest.store.sqlite_append import append
from ingest.store.sqlite_file import FILE, LOG_BYTES, Connect, connect, lock, open_to_read, open_to_write, size_of
from ingest.store.sqlite_log import LONG, Log
from ingest.store.sqlite_readers import Readers
from ingest.store.sqlite_writer import Writer
from ingest.store.steady import Steady
from sensor.model.clock import Clock, SystemClock
from sensor.model.events import Container

DAY_NS = 24 * 60 * 60 * 1_000_000_000

T = TypeVar("T")


class Retention(NamedTuple):
    """What is kept: by age since arrival, and by the size of all files together in bytes."""

    days: float
    bytes: int


class SqliteStore:
    """See `ingest.store.protocol.Store`. Made by `open`; belongs to the event loop that uses it."""

    def __init__(self, directory: Path, retention: Retention, clock: Clock, connect: Connect, held: int) -> None:
        self._path = directory / FILE
        self._retention = retention
        self._clock = clock
        self._lock: int | None = held
        # The files are the database and its write-ahead log, which passes its bound by the write under way.
        log_bytes = min(LOG_BYTES, retention.bytes // 16)
        self._file_limit = retention.bytes - LONG * log_bytes
        db, self._latest, received = open_to_write(self._path, connect, log_bytes)
        self._steady = Steady(clock, received)
        self._readers = Readers(lambda: open_to_read(self._path, connect))
        self._log = Log(self._path, log_bytes, self._readers)
        self._writer = Writer(db, self._log.keep_short)
        self._news = asyncio.Event()

    @classmethod
    def open(
        cls, directory: Path, retention: Retention, clock: Clock | None = None, connect: Connect = connect
    ) -> "SqliteStore":
        """Open or make the store in a directory, which is made if it is not there. Raises `StoreUnusable`."""
        held = lock(directory)
        try:
            return cls(directory, retention, clock or SystemClock(), connect, held)
        except BaseException:
            os.close(held)
            raise

    async def append(self, rows: Rows) -> Appended:
        """See `Store.append`."""
        appended, latest = await asyncio.wrap_future(self._writer.submit(partial(self._append, rows), rows.size))
        if latest > self._latest:
            self._latest = latest
            self._news.set()
            self._news = asyncio.Event()
        return appended

    async def events(self, query: Query) -> Page:
        """See `Store.events`."""
        return await self._readers.ask(partial(sqlite_search.search, query=query))

    async def tasks(self, limit: int, text: str | None = None, behind: Place | None = None) -> TaskPage:
        """See `Store.tasks`."""
        now = self._clock.wall()
        return await self._readers.ask(partial(sqlite_tasks.tasks, limit=limit, text=text, behind=behind, now=now))

    async def task(self, name: str) -> TaskSummary | None:
        """See `Store.task`."""
        return await self._readers.ask(partial(sqlite_tasks.task, name=name, now=self._clock.wall()))

    async def containers(self, task: str, limit: int) -> Sequence[Container]:
        """See `Store.containers`."""
        return await self._readers.ask(partial(sqlite_tasks.containers, name=task, limit=limit))

    async def news(self, after: int, timeout_s: float) -> int:
        """See `Store.news`."""
        if self._latest <= after and timeout_s > 0:
            with contextlib.suppress(TimeoutError):  # then nothing came, and the latest is what it was
                await asyncio.wait_for(self._news.wait(), timeout_s)
        return self._latest

    async def state(self) -> State:
        """See `Store.state`."""
        events, tasks, oldest, latest = await self._readers.ask(_counts)
        return State(self._size(), events, tasks, oldest, latest)

    async def retain(self) -> int:
        """See `Store.retain`."""
        now, keep = self._clock.wall(), int(self._retention.days * DAY_NS)
        deleted, steady = 0, self._steady()
        while steady and (piece := await self._write(partial(sqlite_retention.drop_old, now=now, keep=keep))):
            deleted += piece
        while piece := await self._write(partial(sqlite_retention.drop_excess, limit=self._file_limit)):
            deleted += piece
        if steady:
            await self._write(partial(sqlite_retention.forget_minutes, now=now))
        while await self._write(sqlite_retention.shrink):
            self._log.apply_soon()
        await self._write(lambda _: None)  # waits for the log, which is applied behind the answer to the last step
        return deleted

    async def check(self) -> None:
        """See `Store.check`."""
        beat = (self._clock.wall(),)
        await self._write(lambda db: db.execute("INSERT OR REPLACE INTO beats (id, at) VALUES (1, ?)", beat))

    async def aclose(self) -> None:
        """See `Store.aclose`."""
        await asyncio.to_thread(self._close)

    def _append(self, rows: Rows, db: sqlite3.Connection) -> tuple[Appended, int]:
        needed = 2 * rows.size  # indexes cost up to as much again
        if needed > self._file_limit:  # nothing that is deleted would make room for it
            raise StoreTooSmall(
                f"a batch of {rows.size} bytes of JSON does not fit: send fewer events at once or raise "
                "INGEST_RETENTION_BYTES"
            )
        sqlite_retention.make_room(db, self._file_limit, needed)
        return append(db, rows, self._clock.wall()), sqlite_search.bounds(db)[1]

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(work))

    def _size(self) -> int:
        return size_of(self._path) + self._log.size()

    def _close(self) -> None:
        self._writer.close()
        self._readers.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _counts(db: sqlite3.Connection) -> tuple[int, int, int, int]:
    """Events, tasks, oldest and latest arrival."""
    (events,) = db.execute("SELECT coalesce(sum(events), 0) FROM watches").fetchone()
    (tasks,) = db.execute("SELECT count(DISTINCT task) FROM watches WHERE events > 0").fetchone()
    return int(events), int(tasks), *sqlite_search.bounds(db)
