"""The one thread that writes. Jobs that wait together share a transaction, so that many batches cost one fsync.

A job is called with the connection inside a transaction and is answered only after the commit. When a shared
transaction fails, each of its jobs is tried again by itself, so that one cannot take the others down.
"""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from ingest.store.errors import StoreUnavailable

log = logging.getLogger("ingest.store")

T = TypeVar("T")

SHARED = 32
"""The most jobs that share a transaction; it bounds how long the first of them waits for the last."""

SHARED_BYTES = 2 * 1024 * 1024
"""What they may write together, as far as known: the write-ahead log has to hold it."""


class _Job(NamedTuple):
    work: Callable[[sqlite3.Connection], Any]
    answer: Future[Any]
    size: int


class Writer:
    """Owns the writing connection, which is closed when the writer is. `between` is called with it after each
    transaction, once its jobs are answered; it raises nothing."""

    def __init__(self, db: sqlite3.Connection, between: Callable[[sqlite3.Connection], None]) -> None:
        self._db = db
        self._between = between
        self._waiting: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        self._failing = False
        self._last_taken = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[sqlite3.Connection], T], size: int = 0) -> Future[T]:
        """Have the work done in a transaction; the future fails with `StoreUnavailable` if SQLite could not.

        `size` is about how many bytes it will write, where that is much.
        """
        answer: Future[T] = Future()
        if self._closed:
            answer.set_exception(StoreUnavailable("the store is closed"))
        else:
            self._waiting.put(_Job(work, answer, size))
        return answer

    def close(self) -> None:
        """Do what is waiting, then close. Blocks; safe to call more than once."""
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        going_on = True
        while going_on:
            jobs, going_on = self._take()
            self._transact([job for job in jobs if job.answer.set_running_or_notify_cancel()])
            self._between(self._db)
        self._db.close()

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for a job and take those that wait behind it; False with the last ones."""
        jobs: list[_Job] = []
        while (job := self._next(wait=not jobs)) is not None:
            jobs.append(job)
            if len(jobs) == SHARED or sum(each.size for each in jobs) >= SHARED_BYTES:
                break
        return jobs, not self._last_taken

    def _next(self, *, wait: bool) -> _Job | None:
        """The job that waits first; None when there is none, or the last one was taken."""
        try:
            job = self._waiting.get(block=wait)
        except Empty:
            return None
        self._last_taken = job is None
        return job

    def _transact(self, jobs: list[_Job]) -> None:
        if not jobs:
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            results = [job.work(self._db) for job in jobs]
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever a job raises goes to whoever asked, the thread lives on
            self._failed(jobs, error)
            return
        self._told(None)
        for job, result in zip(jobs, results, strict=True):
            job.answer.set_result(result)

    def _failed(self, jobs: list[_Job], error: Exception) -> None:
        if self._db.in_transaction:  # SQLite may have rolled back already, on a full disk for example
            with contextlib.suppress(sqlite3.Error):  # then BEGIN fails next time, and we come here again
                self._db.execute("ROLLBACK")
        if len(jobs) > 1:
            for job in jobs:
                self._transact([job])
            return
        if isinstance(error, sqlite3.Error):
            self._told(error)
            error = StoreUnavailable(f"the store cannot write now ({error})")
        jobs[0].answer.set_exception(error)

    def _told(self, error: sqlite3.Error | None) -> None:
        """One line when writing begins to fail and one when it works again, not one a batch."""
        if error is not None and not self._failing:
            log.error("writing fails, batches are refused until it works again: %s", error)
        elif error is None and self._failing:
            log.info("writing works again")
        self._failing = error is not None
