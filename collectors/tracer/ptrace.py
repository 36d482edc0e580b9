"""The few ptrace(2) requests that the tracer makes, through ctypes: Python has no binding of its own.

Numbers are those of include/uapi/linux/ptrace.h, the same on x86-64 and arm64.
"""

import ctypes
import errno
import os
import signal
import struct

CONT, GETEVENTMSG, SEIZE, LISTEN, GET_SYSCALL_INFO = 7, 0x4201, 0x4206, 0x4208, 0x420E

EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC, EVENT_STOP = 1, 2, 3, 4, 128
BIRTHS = frozenset({EVENT_FORK, EVENT_VFORK, EVENT_CLONE})
OPTIONS = 1 << EVENT_FORK | 1 << EVENT_VFORK | 1 << EVENT_CLONE | 1 << EVENT_EXEC
"""What a tracee stops for, and its descendants after it. Without EXITKILL: the end of the tracer is not theirs."""

STOP_SIGNALS = frozenset({signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
"""In an `EVENT_STOP` these mean a group-stop, which must go on until SIGCONT."""

WALL = 0x40000000
"""For waitpid(2): threads too (include/uapi/linux/wait.h)."""
PIDS_END = (1 << 22) + 1
"""A number that no process has (include/linux/threads.h, PID_MAX_LIMIT)."""
_LOOK = os.WEXITED | os.WSTOPPED | os.WNOWAIT | WALL
_STOPPED = 0x7F
"""The low byte of a status that is no end (waitpid(2))."""
_SET_PDEATHSIG, _SET_NAME = 1, 15

_REQUEST = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc = ctypes.CDLL(None, use_errno=True)
_ptrace = _libc.ptrace
_ptrace.argtypes, _ptrace.restype = _REQUEST, ctypes.c_long
_at_once = ctypes.PyDLL(None, use_errno=True).ptrace
"""The same without letting go of the interpreter's lock, which a single thread need not."""
_at_once.argtypes, _at_once.restype = _REQUEST, ctypes.c_long
_tgkill = _libc.tgkill
_tgkill.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int)
_message = ctypes.c_ulong()
_message_at = ctypes.addressof(_message)
_INFO = struct.Struct("=B3xIQQ")
"""The beginning of struct ptrace_syscall_info: what it is about, architecture, instruction and stack pointer."""
_info = ctypes.create_string_buffer(_INFO.size)
_info_at = ctypes.addressof(_info)
_WIDE = 1 << 31 | 1 << 30
"""__AUDIT_ARCH_64BIT and _LE (include/uapi/linux/audit.h)."""


def wait() -> os.waitid_result | None:
    """Wait until a tracee has stopped or ended, which is left for `fetch`; None if it was gone again. Raises
    ChildProcessError where there is none.

    Of several it is the one that is followed since the shortest time (kernel/exit.c, ptrace_do_wait).
    """
    return os.waitid(os.P_ALL, 0, _LOOK)


def fetch(found: os.waitid_result | None) -> tuple[int, int] | None:
    """Whom `wait` has found, and its status as of waitpid(2); None if that was fetched since, or it goes on.

    A signal's stop is only looked at (WNOWAIT): what waits for it takes the number of the signal out of the tracee
    (kernel/exit.c, wait_task_stopped), and with a tracer that was killed before passing it on it would be lost.
    An exec's is waited for: until then the kernel refuses requests for one that a thread made, since they may be meant
    for the thread that had the number before (kernel/ptrace.c, looks_like_a_spurious_pid).
    """
    if found is None:
        return None
    is_exec = found.si_status >> 8 == EVENT_EXEC
    if found.si_code in (os.CLD_TRAPPED, os.CLD_STOPPED) and not is_exec:
        return found.si_pid, found.si_status << 8 | _STOPPED
    return _fetched(found.si_pid)


def waiting(tid: int) -> tuple[int, int] | None:
    """The same of one tracee; None if it runs, or is none any more."""
    try:
        return fetch(os.waitid(os.P_PID, tid, _LOOK | os.WNOHANG))
    except ChildProcessError:
        return None


def ended(tid: int) -> tuple[int, int] | None:
    """The end of one tracee; None if it lives, or is none. Stops are left as they are."""
    try:
        found = os.waitid(os.P_PID, tid, _LOOK | os.WNOHANG)
    except ChildProcessError:
        return None
    if found is None or found.si_code in (os.CLD_TRAPPED, os.CLD_STOPPED):
        return None
    return _fetched(tid)


def is_tracee(pid: int) -> bool:
    """Whether it is followed still, or has ended and was not waited for (1 µs)."""
    try:
        os.waitid(os.P_PID, pid, _LOOK | os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def _fetched(pid: int) -> tuple[int, int] | None:
    try:
        tid, status = os.waitpid(pid, os.WNOHANG | WALL)
    except ChildProcessError:  # it was fetched by an attachment that came in between
        return None
    return (tid, status) if tid else None


def is_stop(status: int) -> bool:
    """Whether a status tells of a stop, not of an end."""
    return status & 0xFF == _STOPPED


def seize(tid: int) -> None:
    """Follow a thread from now on, without stopping it. Raises OSError: EPERM where it is traced or closed to us."""
    if _ptrace(SEIZE, tid, None, OPTIONS) == -1:
        raise _error("PTRACE_SEIZE", tid)


def resume(tid: int, number: int = 0) -> None:
    """Let a stopped tracee go on, with the signal that it was stopped for; one that was killed meanwhile cannot."""
    if _at_once(CONT, tid, None, number) == -1 and ctypes.get_errno() != errno.ESRCH:
        raise _error("PTRACE_CONT", tid)


def listen(tid: int) -> None:
    """Leave a tracee in its group-stop, so that SIGCONT ends it as ever. One that has left it goes on."""
    if _ptrace(LISTEN, tid, None, None) == -1:
        resume(tid)


def event_message(tid: int) -> int | None:
    """What an event is about: the new thread, or which one the exec came from. None if it was killed meanwhile."""
    return None if _at_once(GETEVENTMSG, tid, None, _message_at) == -1 else _message.value


def stack_pointer(tid: int) -> int | None:
    """Of a stopped tracee that is a 64-bit program; None of another, or if it was killed meanwhile."""
    if _at_once(GET_SYSCALL_INFO, tid, _INFO.size, _info_at) == -1:
        return None
    _, architecture, _, stack = _INFO.unpack_from(_info)
    return stack if architecture & _WIDE == _WIDE else None


def is_process(tid: int) -> bool:
    """Whether the number is a process's, not one of its other threads' (tgkill(2) looks both up; 1 µs)."""
    return _tgkill(tid, tid, 0) == 0 or ctypes.get_errno() == errno.EPERM


def refusal() -> OSError | None:
    """Why the kernel lets this process make no ptrace calls at all (seccomp), None where it does."""
    if _ptrace(SEIZE, PIDS_END, None, OPTIONS) == -1 and ctypes.get_errno() != errno.ESRCH:
        return _error("PTRACE_SEIZE", PIDS_END)
    return None


def die_with_parent() -> None:
    """Be killed when the launcher ends, and so when the sensor does, even while stopped."""
    _libc.prctl(_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)


def set_name(name: bytes) -> None:
    """What `ps` calls this process."""
    _libc.prctl(_SET_NAME, name, 0, 0, 0)


def _error(request: str, tid: int) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{request} of {tid}: {os.strerror(number)}")
