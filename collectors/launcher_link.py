"""The sensor's side of the launcher: asks it, and has another started where it was killed.

Root in the application's container may kill it (kill(2)), as it may kill the sensor: then no helper can be made, and no
tracer. So another is started, at most one in `ANEW_S`, and each loss is told.
"""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from collectors import helper_launcher
from collectors import helper_wire as wire
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied

DEADLINE_S = 1.0
ANEW_S = 60.0
"""Between two launchers that are started because the one before has ended."""
READY_S = 10.0
"""How long a new one may take to say that it is there; one that was stopped is killed then. Nobody waits for it."""

log = logging.getLogger(__name__)

StartAnew = Callable[[], tuple[socket.socket, int]]


class LauncherAway(AccessDenied):
    """There is none, or none right now."""


class LauncherLink:
    """`sock` is what `helper_launcher.start` gave, None where helpers can do no more than the sensor."""

    def __init__(
        self,
        sock: socket.socket | None,
        counters: Counters,
        monotonic: Callable[[], float] = time.monotonic,
        start_anew: StartAnew = helper_launcher.start_anew,
    ) -> None:
        self._sock = sock
        self._counters = counters
        self._monotonic = monotonic
        self._start_anew = start_anew
        self._is_wanted = sock is not None
        self._started = float("-inf")
        self._is_ready = True
        self._pid: int | None = None
        if sock is not None:
            sock.settimeout(DEADLINE_S)

    def ask(self, request: bytes) -> tuple[bytes, list[int]]:
        """Status and text, and the descriptors passed with it. Raises AccessDenied where it is late, LauncherAway."""
        if not self._is_wanted:
            raise LauncherAway("no launcher for helpers: none can do more than the sensor, or it is closed")
        sock = self._ready()
        try:
            sock.send(request)
            verdict, descriptors = _answer_to(sock, request)
        except (BrokenPipeError, ConnectionResetError):
            verdict, descriptors = b"", []
        except OSError as error:
            self._counters.lost("helper_lost")
            raise AccessDenied(f"the launcher of helpers does not answer: {error}") from None
        if not verdict:
            self._ended()
        return verdict, descriptors

    def close(self) -> None:
        """End it; its helpers end when their own sockets close."""
        self._is_wanted = False
        self._let_go()

    def _ready(self) -> socket.socket:
        """The socket of one that is there. Raises LauncherAway."""
        sock = self._sock if self._sock is not None else self._start()
        if not self._is_ready:
            self._hear(sock)
        return sock

    def _hear(self, sock: socket.socket) -> None:
        """The first word of a new one. Raises LauncherAway."""
        try:
            word = sock.recv(16)
        except BlockingIOError:
            if self._monotonic() - self._started < READY_S:
                raise LauncherAway("the launcher of helpers is being started again") from None
            word = b""
        except ConnectionResetError:
            word = b""
        if word != wire.OK:
            self._ended()
        self._is_ready = True
        sock.settimeout(DEADLINE_S)

    def _ended(self) -> None:
        """Count the loss, and start another. Raises LauncherAway."""
        self._counters.lost("helper_lost")
        self._let_go()
        log.warning("the launcher of helpers has ended: somebody killed it, or there is no memory; another is started")
        with suppress(LauncherAway):
            self._start()
        raise LauncherAway("the launcher of helpers has ended, another is started")

    def _start(self) -> socket.socket:
        """Raises LauncherAway where it is too soon, or the kernel refuses."""
        now = self._monotonic()
        if now - self._started < ANEW_S:
            raise LauncherAway("the launcher of helpers has ended again, another is started in a minute")
        self._started = now
        try:
            sock, self._pid = self._start_anew()
        except OSError as error:
            raise LauncherAway(f"the launcher of helpers cannot be started again: {error}") from None
        sock.setblocking(False)
        self._sock, self._is_ready = sock, False
        return sock

    def _let_go(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        if self._pid is not None:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._pid, signal.SIGKILL)  # nobody else waits for it, so that the number is still its own
                os.waitpid(self._pid, 0)
            self._pid = None


def _answer_to(launcher: socket.socket, request: bytes) -> tuple[bytes, list[int]]:
    """Empty where the launcher has ended. Raises OSError.

    Late answers to requests that were given up are let go of: a helper ends when its socket closes.
    """
    while True:
        answer, descriptors = wire.receive(launcher, 256 + len(request), wire.MOST_PASSED)
        if not answer or answer.startswith(request):
            return answer[len(request) :], descriptors
        for fd in descriptors:
            os.close(fd)
