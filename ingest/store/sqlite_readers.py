"""A few threads that read, each with its own connection; in WAL mode they never wait for the writer.

A reader that held its snapshot for long would keep the write-ahead log from being used again, so each question has a
time limit that SQLite itself enforces (sqlite3_progress_handler), and all of them can be held back (`sqlite_log`).
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from ingest.store.errors import StoreSlow, StoreUnavailable

T = TypeVar("T")

THREADS = 3
SECONDS = 10.0
"""The most that one question may take; a page of events stops far earlier by itself."""

STEPS = 10_000
"""Virtual machine steps between looks at the clock: about a millisecond."""


class Readers:
    """Answers questions off the event loop."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], seconds: float = SECONDS) -> None:
        self._connect = connect
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="store-reader")
        self._of_thread = threading.local()
        self._turn = threading.Condition()
        self._under_way = 0
        self._held = False
        self._closed = False
        self._connections: list[sqlite3.Connection] = []

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The answer. Raises `StoreSlow` or `StoreUnavailable`."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, question)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                raise StoreSlow(f"the question took longer than {self._seconds:g} s: ask for less") from error
            raise StoreUnavailable(f"the store cannot be read now ({error})") from error

    def close(self) -> None:
        """Wait for the questions under way, then close. Safe to call more than once."""
        self._closed = True
        self._pool.shutdown()
        for db in self._connections:
            db.close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing is read meanwhile: waits for the questions under way, and those that come wait for the end."""
        with self._turn:
            self._held = True
            self._turn.wait_for(lambda: not self._under_way, self._seconds)
        try:
            yield
        finally:
            with self._turn:
                self._held = False
                self._turn.notify_all()

    def _answer(self, question: Callable[[sqlite3.Connection], T]) -> T:
        with self._turn:
            self._turn.wait_for(lambda: not self._held)
            self._under_way += 1
        try:
            return self._asked(question)
        finally:
            with self._turn:
                self._under_way -= 1
                self._turn.notify_all()

    def _asked(self, question: Callable[[sqlite3.Connection], T]) -> T:
        db = getattr(self._of_thread, "db", None)
        if db is None:
            db = self._of_thread.db = self._connect()
            self._connections.append(db)
        until = time.monotonic() + self._seconds
        db.set_progress_handler(lambda: time.monotonic() > until, STEPS)
        return question(db)
