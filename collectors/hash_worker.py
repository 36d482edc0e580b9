"""Hashes files one after another in a thread of its own: hashlib lets the loop run meanwhile.

The thread is not the asyncio executor's: there is one, it ends with `close`, and a file that hangs holds up the hashes
behind it and nothing else.
"""

import asyncio
import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import NamedTuple

from collectors import change_times
from collectors.rootfs import held

SLICE = 1 << 18
"""Read at a time: no slower than a MiB, and a quarter of the memory."""
DEADLINE_S = 5.0
"""For one file, from its first byte to its last."""
JOIN_S = 1.0
"""How long `close` waits for a thread that sits in one read."""
NICENESS = 19

CHANGED, STOPPED, TOO_SLOW = "changed", "stopped", "too slow"


class Hashed(NamedTuple):
    """The SHA-256 in hexadecimal digits, or why there is none: one of the above, or the error's text. `settled`: the
    file was settled before it was read (`change_times`), so that no change behind it can hide."""

    sha256: str | None = None
    why: str | None = None
    settled: bool = False


class _Job(NamedTuple):
    fd: int
    size: int
    ctime_ns: int
    settle: bool
    loop: asyncio.AbstractEventLoop
    done: Callable[[Hashed], None]


class HashWorker:
    """Used from the loop's thread. The thread is started by the first file; without files it waits and costs nothing.

    It is a daemon, so that one that hangs in the kernel does not keep the sensor from ending.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def put(self, fd: int, size: int, ctime_ns: int, done: Callable[[Hashed], None], *, settle: bool = False) -> None:
        """Hash what was opened for reading if it still has that size and change time, and call `done` on the loop.

        `settle`: have it written back first, which may take long for a file that was just written.

        The descriptor is the worker's from now on. After `close` nobody is called any more. Raises OSError where no
        thread can be had (a pids limit).
        """
        if self._thread is None:
            self._thread = self._started(fd)
        self._jobs.put(_Job(fd, size, ctime_ns, settle, asyncio.get_running_loop(), done))

    def close(self) -> None:
        """Stop in the middle of a file and wait for the thread; one that hangs ends when the kernel lets it go."""
        self._stopping = True
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(JOIN_S)

    def _started(self, fd: int) -> threading.Thread:
        thread = threading.Thread(target=self._work, name="hashes", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            os.close(fd)
            raise OSError(errno.EAGAIN, str(error)) from None
        return thread

    def _work(self) -> None:
        with suppress(OSError):  # then it has the loop's own priority
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)  # the loop goes first
        while (job := self._jobs.get()) is not None:
            with held(job.fd):
                hashed = self._hash(job)
            if not self._stopping:
                with suppress(RuntimeError):  # the loop was closed in this very moment
                    job.loop.call_soon_threadsafe(job.done, hashed)

    def _hash(self, job: _Job) -> Hashed:
        try:
            return self._read(job)
        except OSError as error:
            return Hashed(why=error.strerror or str(error))

    def _read(self, job: _Job) -> Hashed:
        deadline = self._monotonic() + DEADLINE_S
        settled = job.settle and change_times.settle(job.fd)
        digest, buffer, size = hashlib.sha256(), memoryview(bytearray(min(job.size + 1, SLICE))), 0
        while size <= job.size and (got := os.readv(job.fd, [buffer])):
            digest.update(buffer[:got])
            size += got
            if self._stopping:
                return Hashed(why=STOPPED)
            if self._monotonic() > deadline:
                return Hashed(why=TOO_SLOW)
        if (size, os.fstat(job.fd).st_ctime_ns) != (job.size, job.ctime_ns):
            return Hashed(why=CHANGED)
        return Hashed(digest.hexdigest(), settled=settled)
