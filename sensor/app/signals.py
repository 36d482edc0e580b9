"""The signals that end the sensor, with who has sent them: signalfd(2) tells the sender's PID, a handler does not.

The platform signals from outside of the PID namespace, whose processes have no number here: its PID is 0. Root in a
sibling container may send the same, and is obeyed, because a container that ends its sidecars is a usual thing in Jobs;
but the end that it brings about must not look like the platform's.
"""

import asyncio
import ctypes
import os
import signal
import struct
from collections.abc import Callable

ENDING = (signal.SIGTERM, signal.SIGINT)
RECORD_BYTES = 128
_RECORD = struct.Struct("=IiiI")
"""The beginning of struct signalfd_siginfo: signo, errno, code, pid."""
SIGSET_BYTES = 128
"""sizeof(sigset_t) of glibc and musl."""

Told = Callable[[int], None]
"""Called with the PID of the sender; 0 is the kernel or a process that has no number here."""


def listen(told: Told) -> None:
    """Have `told` called on the running loop for each. From the main thread, before there are others.

    They are blocked from now on. Where signalfd is refused the sender is not known, and counts as the platform.
    """
    loop = asyncio.get_running_loop()
    try:
        fd = _signalfd()
    except OSError:
        for number in ENDING:
            loop.add_signal_handler(number, told, 0)
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    loop.add_reader(fd, _tell_all, fd, told)


def _tell_all(fd: int, told: Told) -> None:
    for pid in _senders(fd):
        told(pid)


def _senders(fd: int) -> list[int]:
    try:
        records = os.read(fd, 16 * RECORD_BYTES)
    except BlockingIOError:
        return []
    return [_RECORD.unpack_from(records, at)[3] for at in range(0, len(records), RECORD_BYTES)]


def _signalfd() -> int:
    """Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    numbers = ctypes.create_string_buffer(SIGSET_BYTES)
    libc.sigemptyset(numbers)
    for number in ENDING:
        libc.sigaddset(numbers, number)
    fd = int(libc.signalfd(-1, numbers, os.O_NONBLOCK | os.O_CLOEXEC))  # SFD_NONBLOCK and SFD_CLOEXEC are the same
    if fd < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return fd
