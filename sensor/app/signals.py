"""The signals that end the sensor or let it go on, with who has sent them: signalfd(2) tells the sender's PID, a
handler does not.

The platform signals from outside of the PID namespace, whose processes have no number here: its PID is 0. Root in a
sibling container may send the same, and is obeyed, because a container that ends its sidecars is a usual thing in Jobs;
but the end that it brings about must not look like the platform's. The other signals that would end a program without a
word are obeyed in the same way. SIGCONT comes behind every SIGSTOP, which cannot be noticed itself.
"""

import asyncio
import ctypes
import os
import signal
import struct
from collections.abc import Callable

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
LISTENED = (*ENDING, signal.SIGCONT)
RECORD_BYTES = 128
_RECORD = struct.Struct("=IiiI")
"""The beginning of struct signalfd_siginfo: signo, errno, code, pid."""
SIGSET_BYTES = 128
"""sizeof(sigset_t) of glibc and musl."""

Told = Callable[[int], None]
"""Called with the PID of the sender; 0 is the kernel or a process that has no number here."""


def listen(told: Told, continued: Told) -> None:
    """Have `told` called on the running loop for each that ends it, `continued` for each SIGCONT. From the main thread,
    before there are others.

    They are blocked from now on. Where signalfd is refused the sender is not known, and counts as the platform.
    """
    loop = asyncio.get_running_loop()
    try:
        fd = _signalfd()
    except OSError:
        for number in ENDING:
            loop.add_signal_handler(number, told, 0)
        loop.add_signal_handler(signal.SIGCONT, continued, 0)
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, LISTENED)
    loop.add_reader(fd, _tell_all, fd, told, continued)


def _tell_all(fd: int, told: Told, continued: Told) -> None:
    for number, pid in _received(fd):
        (continued if number == signal.SIGCONT else told)(pid)


def _received(fd: int) -> list[tuple[int, int]]:
    """The number and the sender of each signal that waits."""
    try:
        records = os.read(fd, 16 * RECORD_BYTES)
    except BlockingIOError:
        return []
    found = (_RECORD.unpack_from(records, at) for at in range(0, len(records), RECORD_BYTES))
    return [(number, pid) for number, _, _, pid in found]


def _signalfd() -> int:
    """Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    numbers = ctypes.create_string_buffer(SIGSET_BYTES)
    libc.sigemptyset(numbers)
    for number in LISTENED:
        libc.sigaddset(numbers, number)
    fd = int(libc.signalfd(-1, numbers, os.O_NONBLOCK | os.O_CLOEXEC))  # SFD_NONBLOCK and SFD_CLOEXEC are the same
    if fd < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return fd
