"""A thread for the disk: work is done in its order, answers come back in the loop, and a disk that hangs stops nobody.

The thread is a daemon, unlike those of the loop's executor: one stuck in the kernel must not keep the sensor from
ending.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Protocol

Work = Callable[[], object]
Done = Callable[[object], None]
"""Called in the loop with what the work returned, or with the exception that it raised."""


class Worker(Protocol):
    """Whoever does the work, in its order."""

    def submit(self, work: Work, done: Done) -> None: ...


class DiskThread:
    """A `Worker`. Made in the loop that the answers come back to."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[tuple[Work, Done] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="spool", daemon=True).start()

    def submit(self, work: Work, done: Done) -> None:
        """Never waits."""
        self._jobs.put((work, done))

    def close(self) -> None:
        """Let the thread end after the work that it was given, without waiting for it."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, done = job
            answer: object
            try:
                answer = work()
            except Exception as error:  # noqa: BLE001  # whoever asked decides what it means
                answer = error
            try:
                self._loop.call_soon_threadsafe(done, answer)
            except RuntimeError:
                return  # the loop is closed: nobody waits for this any more
