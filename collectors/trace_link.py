"""The sensor's end of a tracer: asks without waiting, reads what it tells, and ends it."""

import os
import signal
import socket
from collections import deque
from contextlib import suppress
from typing import NamedTuple

from collectors.tracer import wire
from sensor.model.errors import SensorError

READ_BYTES = 1 << 20


class TracerLost(SensorError):
    """The tracer has ended, does not answer, or says what no tracer says. `stuck_at` is the process that it could not
    attach to, if that is why."""

    def __init__(self, reason: str, stuck_at: int | None = None) -> None:
        super().__init__(reason)
        self.stuck_at = stuck_at


class Pulse(NamedTuple):
    """A sign of life: the number of the question, how many threads are followed, and counts since its start."""

    number: int
    followed: int = 0
    execs: int = 0
    stops: int = 0
    dropped: int = 0


class TracerLink:
    """A tracer that was just forked: the socket to ask, the pidfd to kill by, and the pipe with its records."""

    def __init__(self, sock: socket.socket, pidfd: int, pipe: int) -> None:
        self._sock = sock
        self._pidfd = pidfd
        self._pipe = pipe
        self._rest = b""
        self._unsent: deque[bytes] = deque()
        sock.setblocking(False)
        os.set_blocking(pipe, False)

    def fileno(self) -> int:
        """The pipe, for the loop to wait on."""
        return self._pipe

    def ping(self, number: int) -> None:
        """Ask for a pulse, ahead of all that waits to be sent, and send of that what there is room for. Raises
        TracerLost when the tracer has ended."""
        if self._unsent and self._unsent[0].startswith(wire.PING_LETTER):
            self._unsent.popleft()  # the one before is not sent yet
        self._unsent.appendleft(wire.PING.pack(wire.PING_LETTER, number))
        self._flush()

    def attach(self, pid: int, start_ticks: int) -> None:
        """Ask to follow a process. That the tracer has ended is told by `ping` and `pulse`."""
        self._unsent.append(wire.ATTACH.pack(wire.ATTACH_LETTER, pid, start_ticks))
        with suppress(TracerLost):
            self._flush()

    def pulse(self) -> Pulse | None:
        """The newest answer that has come, None if there is none. Raises TracerLost when the tracer has ended."""
        found = None
        while True:
            try:
                answer = self._sock.recv(256)
            except BlockingIOError:
                return found
            except OSError as error:
                raise TracerLost(f"the tracer has ended: {error}") from None
            if answer.startswith(wire.STUCK_LETTER) and len(answer) == wire.STUCK.size:
                pid = wire.STUCK.unpack(answer)[1]
                raise TracerLost(f"the tracer is killed: PID {pid} cannot be attached to, nor let be", pid)
            if len(answer) != wire.PULSE.size:
                raise TracerLost(_said(answer))
            found = Pulse(*wire.PULSE.unpack(answer))

    def read(self) -> list[wire.Record]:
        """What was told by now; the end of the pipe is no error. Raises MalformedRecord."""
        found: list[wire.Record] = []
        while True:
            try:
                raw = os.read(self._pipe, READ_BYTES)
            except BlockingIOError:
                return found
            if not raw:
                return found
            records, self._rest = wire.records(self._rest + raw)
            found += records

    def kill(self) -> None:
        """SIGKILL; the kernel lets go of all that it traced."""
        try:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        except ProcessLookupError:
            return  # it has ended by itself

    def close(self) -> None:
        """Release every descriptor, which also ends the tracer."""
        self._sock.close()
        os.close(self._pidfd)
        os.close(self._pipe)

    def _flush(self) -> None:
        while self._unsent:
            try:
                self._sock.send(self._unsent[0])
            except BlockingIOError:
                return
            except OSError as error:
                raise TracerLost(self._last_word() or f"the tracer has ended: {error}") from None
            self._unsent.popleft()

    def _last_word(self) -> str | None:
        try:
            answer = self._sock.recv(256)
        except OSError:
            return None
        return _said(answer) if answer.startswith(wire.FAILED) else None


def _said(answer: bytes) -> str:
    if answer.startswith(wire.FAILED):
        return f"the tracer has ended: {answer[1:].decode(errors='replace')}"
    return "the tracer has ended" if not answer else f"the tracer answered {answer[:20]!r}"
