"""The two prctl(2) calls that the sensor makes on itself. Python has no binding of its own; ctypes costs 0.3 MB."""

import ctypes
import os

PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
COMM_BYTES = 15
"""The longest name the kernel keeps, its closing NUL left out (include/linux/sched.h, TASK_COMM_LEN)."""


def set_not_dumpable() -> None:
    """Close /proc/PID/{environ,mem,root …} to every other process that lacks SYS_PTRACE. Raises OSError."""
    _prctl(PR_SET_DUMPABLE, 0)


def set_name(name: bytes) -> None:
    """Set the calling thread's comm; from the main thread that is the process's. Raises OSError or ValueError.

    Unlike writing /proc/self/comm this works for any uid once the process is not dumpable: its files in /proc
    belong to root then (proc(5)), and a sensor as uid 1000 was refused.
    """
    if len(name) > COMM_BYTES:
        raise ValueError(f"{name!r} is longer than {COMM_BYTES} bytes")
    _prctl(PR_SET_NAME, name)


def _prctl(option: int, argument: int | bytes) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    value = argument if isinstance(argument, bytes) else ctypes.c_ulong(argument)
    if libc.prctl(option, value, zero, zero, zero) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")
