"""Connections under bounds: how many there are, and how long one may stay open without asking anything.

uvicorn takes whatever comes, and lets a connection that has not asked yet stay for ever. Out of descriptors nobody gets
in, sensors, probes and the store's own files among them, and asyncio logs a traceback for each connection that waits.
It also warns of each request that is none, and whoever reaches the port can send thousands a second.
"""

import asyncio
import logging
import resource
import time

from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger("ingest")

MOST = 8192
"""Each costs some 20 KB. A sensor keeps one."""

RESERVED = 256
"""Descriptors for all else: the store, its readers, logins, and what Python opens."""

FIRST_SECONDS = 30.0
"""For the head of a request, after its connection was made; the body has its own (`body.READ_SECONDS`)."""

TOLD_SECONDS = 60.0
"""Between two lines that say the same about connections."""


def raise_limit() -> None:
    """Open as many files as this process may: the soft limit is meant for programs that use select(2)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def allowed() -> int:
    """How many connections there may be, by the limit of open files."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if limit == resource.RLIM_INFINITY else min(MOST, limit - min(RESERVED, limit // 2))


def protocol(most: int, first_s: float = FIRST_SECONDS) -> type[H11Protocol]:
    """uvicorn's protocol under these bounds, for one server."""
    said = logging.Logger(log.name)  # not that of the name: its filter is for this server alone
    said.parent = log
    said.addFilter(_OnceAMinute())
    return type("Connection", (_Connection,), {"most": most, "first_s": first_s, "said": said})


class _OnceAMinute(logging.Filter):
    """Lets each warning through once in `TOLD_SECONDS`, whatever its figures; errors always."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        now = time.monotonic()
        if now - self._told.get(record.msg, -TOLD_SECONDS) < TOLD_SECONDS:
            return False
        self._told[record.msg] = now
        return True


class _Connection(H11Protocol):
    """One connection. The deadline runs while no request is being answered, whatever bytes come in meanwhile; it begins
    anew for who has read on of the answer before, which may be large."""

    most: int
    first_s: float
    said: logging.Logger
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        self.logger = self.said
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self.logger.warning(
                "%d connections are open, so that new ones are closed: see who holds them, or raise the limit of open "
                "files (ulimit -n)",
                self.most,
            )
            transport.abort()
        else:
            self._wait(self.first_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        answered = self.cycle
        super().handle_events()
        if self.cycle is not answered:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        self._wait(self.timeout_keep_alive + self.first_s)
        super().on_response_complete()

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(seconds, self._end, seconds, self.transport.get_write_buffer_size())

    def _end(self, seconds: float, unsent: int) -> None:
        if self.transport.get_write_buffer_size() < unsent:
            self._wait(seconds)
        else:
            self.transport.abort()

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: whoever asks is answered as without it, and uvicorn would advise to install what is not wanted."""
