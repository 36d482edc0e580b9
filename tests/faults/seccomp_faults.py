"""System calls that fail on demand, at the real seam: the kernel asks us about each call before it makes it.

A child installs a seccomp filter that hands chosen system calls to a listener (seccomp_unotify(2)) and then becomes the
program under test, whose children inherit it. Whoever holds the listener lets each call go on, or has it fail with an
error while that is asked for. So one running program sees faults that come and go, whatever language or library makes
the call. Numbers are those of x86-64.
"""

import ctypes
import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

NUMBERS = {
    "read": 0, "write": 1, "fstat": 5, "pread64": 17, "pwrite64": 18, "socket": 41, "sendto": 44, "recvfrom": 45,
    "sendmsg": 46, "recvmsg": 47, "fsync": 74, "fdatasync": 75, "ftruncate": 77, "readlink": 89,
    "getdents64": 217, "inotify_add_watch": 254, "openat": 257, "newfstatat": 262, "unlinkat": 263, "renameat": 264,
    "readlinkat": 267, "inotify_init1": 294, "sendmmsg": 307, "statx": 332, "pidfd_open": 434,
    "openat2": 437,
}  # fmt: skip
PIDFD_GETFD = 438
RECEIVE, ANSWER = 0xC0502100, 0xC0182101
"""SECCOMP_IOCTL_NOTIF_RECV and _SEND (include/uapi/linux/seccomp.h)."""
GO_ON = 1
_NOTICE = struct.Struct("=QIIiI")
NOTICE_BYTES = 80
_ANSWER = struct.Struct("=QqiI")
BLIND = """
import ctypes, os, signal, struct, sys
numbers = [int(number) for number in sys.argv[1].split(",")]
code = struct.pack("=HBBI", 0x20, 0, 0, 0)
for at, number in enumerate(numbers):
    code += struct.pack("=HBBI", 0x15, len(numbers) - at, 0, number)
code += struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000) + struct.pack("=HBBI", 0x06, 0, 0, 0x7FC00000)
buffer = ctypes.create_string_buffer(code, len(code))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer)), 16)
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, *map(ctypes.c_ulong, (1, 0, 0, 0)))
libc.prctl(1, *map(ctypes.c_ulong, (9, 0, 0, 0)))
kill, execv, me, argv = os.kill, os.execv, os.getpid(), sys.argv[2:]
if libc.syscall(317, ctypes.c_ulong(1), ctypes.c_ulong(8), program) < 0:
    sys.exit(f"seccomp: {os.strerror(ctypes.get_errno())}")
kill(me, signal.SIGSTOP)
execv(argv[0], argv)
"""
"""Installs the filter, stops until its listener is taken, and becomes the program of its arguments. It ends with us:
without anybody to answer its system calls it would try them for ever."""


class Faults:
    """The listener's side: a thread that answers for every call. `injected` counts those that failed, by name."""

    def __init__(self, listener: int) -> None:
        self._listener = listener
        self._failing: dict[int, int] = {}
        self._names = {number: name for name, number in NUMBERS.items()}
        self._ending = False
        self.injected: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._serve, name="faults", daemon=True)
        self._thread.start()

    @contextmanager
    def failing(self, calls: Sequence[str], error: int) -> Iterator[None]:
        """Have these calls fail with this errno for the length of the block."""
        self._failing = {NUMBERS[call]: error for call in calls}
        try:
            yield
        finally:
            self._failing = {}

    def close(self) -> None:
        """End the thread; a program that still runs has its calls refused (ENOSYS) from now on."""
        self._ending = True
        self._thread.join(10)
        os.close(self._listener)

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        while not self._ending:
            for _, happened in poll.poll(200):
                if not happened & select.POLLIN:
                    return  # nobody lives any more who has the filter
                self._answer()

    def _answer(self) -> None:
        notice = bytearray(NOTICE_BYTES)
        try:
            fcntl.ioctl(self._listener, RECEIVE, notice)
            cookie, _, _, number, _ = _NOTICE.unpack_from(notice)
            error = self._failing.get(number, 0)
            fcntl.ioctl(self._listener, ANSWER, _ANSWER.pack(cookie, 0, -error, 0 if error else GO_ON))
        except FileNotFoundError:
            return  # a signal has interrupted the call, or its thread has ended
        if error:
            self.injected[self._names[number]] += 1


@contextmanager
def faulty(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[tuple["subprocess.Popen[str]", Faults]]:
    """A program, its log in a pipe, and what makes its system calls fail. It is killed at the end."""
    numbers = ",".join(map(str, NUMBERS.values()))
    process = subprocess.Popen(
        [sys.executable, "-c", BLIND, numbers, *command], env=dict(environment), stderr=subprocess.PIPE, text=True
    )
    faults = None
    try:
        _wait_stopped(process)
        faults = Faults(_listener_of(process.pid))
        process.send_signal(signal.SIGCONT)
        yield process, faults
    finally:
        process.kill()
        process.wait()
        if faults is not None:
            faults.close()
        assert process.stderr is not None
        process.stderr.close()


def can_be_asked() -> bool:
    """Whether this machine lets us do all that: tried with a program that ends at once."""
    try:
        with faulty(["/bin/true"], {}) as (process, _):
            return process.wait(30) == 0
    except OSError:
        return False


def _wait_stopped(process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with open(f"/proc/{process.pid}/stat", encoding="utf-8") as file:
            state = file.read().rpartition(")")[2].split()[0]
        if state in "Tt":
            return
        if state == "Z":
            assert process.stderr is not None
            raise OSError(process.stderr.read())
        time.sleep(0.01)
    raise AssertionError("the filter was not installed in time")


def _listener_of(pid: int) -> int:
    """The seccomp listener that a stopped child holds, taken over. Raises OSError."""
    links = {name: os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}
    (theirs,) = [int(name) for name, link in links.items() if link == "anon_inode:seccomp notify"]
    pidfd = os.pidfd_open(pid)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        fd = int(libc.syscall(PIDFD_GETFD, pidfd, theirs, 0))
    finally:
        os.close(pidfd)
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd
