"""JSON lines to a descriptor, standard output by default: for containers' log drivers and for pipes."""

import asyncio
import os
import queue
import select
import threading
from collections.abc import Callable, Sequence

from sensor.model.errors import DestinationGone
from sensor.model.protocols import Encoding, Limits

MIB = 1024 * 1024
LINE_BYTES = 4 * MIB

Render = Callable[[bytes], bytes | None]
"""What is written for a JSON record, without a line end; None for nothing."""

Job = tuple[bytes, asyncio.Future[None]]


class Stdout:
    """Writes whole lines from a thread of its own, so that a reader who stalls does not stall the loop.

    The thread is a daemon, unlike those of the loop's executor: one stuck in write(2) must not keep the sensor from
    ending. The descriptor stays the caller's, blocking or not, as it may be shared with other processes.
    """

    name = "stdout"

    def __init__(
        self,
        *,
        fd: int = 1,
        render: Render | None = None,
        encoding: Encoding = Encoding.JSON,
        line_bytes: int = LINE_BYTES,
    ) -> None:
        """`line_bytes` counts the line end."""
        self.encoding = encoding
        self.limits = Limits(records=500, record_bytes=line_bytes - 1, request_bytes=MIB)
        self._fd = fd
        self._render = render
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._gone: str | None = None

    async def open(self) -> None:
        if self._writer is None:
            writer = threading.Thread(target=self._write_jobs, name="stdout", daemon=True)
            writer.start()  # raises where no thread is allowed; then the next `open` tries again
            self._writer = writer

    async def send(self, records: Sequence[bytes]) -> Sequence[int]:
        """Raises `DestinationGone` once a write has failed: nobody reads any more."""
        lines = records if self._render is None else [line for r in records if (line := self._render(r)) is not None]
        if self._gone is None and lines:
            await self._written(b"".join(line + b"\n" for line in lines))
        if self._gone is not None:
            raise DestinationGone(f"descriptor {self._fd}: {self._gone}")
        return ()

    async def aclose(self) -> None:
        """Lets the thread end after what it is writing, without waiting for it."""
        if self._writer is not None:
            self._jobs.put(None)
            self._writer = None

    async def _written(self, lines: bytes) -> None:
        done = asyncio.get_running_loop().create_future()
        self._jobs.put((lines, done))
        try:
            await done
        except OSError as error:
            self._gone = str(error.strerror)

    def _write_jobs(self) -> None:
        while (job := self._jobs.get()) is not None:
            lines, done = job
            failure = self._write(lines)
            try:
                done.get_loop().call_soon_threadsafe(_finish, done, failure)
            except RuntimeError:
                return  # the loop is closed: nobody waits for this any more

    def _write(self, lines: bytes) -> OSError | None:
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[self._written_of(rest) :]
        except OSError as error:
            return error
        return None

    def _written_of(self, lines: memoryview) -> int:
        """How many bytes went; none where somebody who shares the descriptor has made it non-blocking and it is full.
        Then there is room again, or nobody who reads."""
        try:
            return os.write(self._fd, lines)
        except BlockingIOError:
            room = select.poll()
            room.register(self._fd, select.POLLOUT)
            room.poll()
            return 0


def _finish(done: asyncio.Future[None], failure: OSError | None) -> None:
    if done.cancelled():
        return
    if failure is None:
        done.set_result(None)
    else:
        done.set_exception(failure)
