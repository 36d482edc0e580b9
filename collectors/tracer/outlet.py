"""Where the tracer's records go: a pipe that is never waited for, and behind it some memory. What does not fit is
counted."""

import fcntl
import os
from collections import deque
from contextlib import suppress

PIPE_BYTES = 1 << 20
"""The most that a pipe may hold without a privilege (/proc/sys/fs/pipe-max-size); about 3,000 spawns."""
BACKLOG_BYTES = 4 << 20
"""Kept besides while the sensor does not read."""


class Outlet:
    """Writes whole records in order. Raises BrokenPipeError once the sensor has closed its end."""

    def __init__(self, fd: int, backlog: int = BACKLOG_BYTES) -> None:
        self._fd = fd
        self._most = backlog
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self.dropped = 0
        """Records that there was no room for."""
        os.set_blocking(fd, False)
        with suppress(OSError):  # a user's pipes are bounded together: then it stays as large as it is
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    @property
    def is_full(self) -> bool:
        """Whether something waits for the sensor to read."""
        return bool(self._waiting)

    def put(self, record: bytes) -> None:
        """Write a record now if there is room, later if there is some, else count it."""
        if self._waiting:
            self.flush()
        if not self._waiting and not (record := self._rest(record)):
            return
        if self._bytes + len(record) > self._most:
            self.dropped += 1
            return
        self._waiting.append(record)
        self._bytes += len(record)

    def flush(self) -> None:
        """Write what the pipe takes."""
        while self._waiting:
            record = self._waiting[0]
            rest = self._rest(record)
            self._bytes -= len(record) - len(rest)
            if rest:
                self._waiting[0] = rest
                return
            self._waiting.popleft()

    def _rest(self, record: bytes) -> bytes:
        """What the pipe did not take of it."""
        try:
            written = os.write(self._fd, record)
        except BlockingIOError:
            return record
        return record[written:]
