"""Attaches to a process that runs already: to every thread of it, since each of them may fork or execute."""

import errno
import os

from collectors.procfs import Procfs, Stat, parse_stat
from collectors.tracer import ptrace
from collectors.tracer.exec_facts import STAT_BYTES
from collectors.tracer.tracees import Tracees
from sensor.model.errors import AccessDenied, ProcessGone

PASSES = 100
"""Through the list of threads, until one finds nothing new; threads of followed ones are followed by themselves."""


def attach(tracees: Tracees, procfs: Procfs, pid: int, start_ticks: int) -> str | None:
    """Follow all threads of the process; None, or why it is left alone. Raises ProcessGone.

    The main thread may have ended while others go on (pthread_exit(3)); then these are followed.
    """
    if _has_main_thread(procfs, pid, start_ticks):
        try:
            _seize(tracees, pid, pid)
        except PermissionError as error:
            if _has_main_thread(procfs, pid, start_ticks):  # a zombie is refused in the same way
                return _why_not(procfs, pid, error)
    for _ in range(PASSES):
        if not _seize_threads(tracees, procfs, pid) and not _was_replaced(tracees, procfs, pid):
            break
    return None if pid in tracees else _why_no_thread(tracees, procfs, pid)


def _has_main_thread(procfs: Procfs, pid: int, start_ticks: int) -> bool:
    """Whether it lives. Raises ProcessGone unless the process is the one that is meant."""
    stat = _stat(procfs, pid)
    if stat.start_ticks != start_ticks:
        raise ProcessGone(f"PID {pid} is another process by now, or none")
    return not stat.is_zombie


def _stat(procfs: Procfs, tid: int) -> Stat:
    return parse_stat(procfs.record(f"{tid}/stat", STAT_BYTES))


def _lives(procfs: Procfs, tid: int) -> bool:
    try:
        return not _stat(procfs, tid).is_zombie
    except ProcessGone:
        return False


def _why_no_thread(tracees: Tracees, procfs: Procfs, pid: int) -> str | None:
    """Of a process without a main thread: None if one of the others is followed. Raises ProcessGone if none lives."""
    for tid in map(int, procfs.names(f"{pid}/task")):
        if tid in tracees:
            return None
        if tid != pid and _lives(procfs, tid):
            return _why_not(procfs, tid, PermissionError(errno.EPERM, os.strerror(errno.EPERM)))
    raise ProcessGone(f"PID {pid} has ended")


def _seize_threads(tracees: Tracees, procfs: Procfs, pid: int) -> int:
    """One pass; how many threads are followed since."""
    found = 0
    try:
        names = procfs.names(f"{pid}/task")
    except ProcessGone:
        return 0
    for name in names:
        if (tid := int(name)) in tracees:
            continue
        try:
            _seize(tracees, pid, tid)
        except (PermissionError, ProcessGone):
            continue  # born of a thread that is followed, or ended
        found += 1
    return found


def _was_replaced(tracees: Tracees, procfs: Procfs, pid: int) -> bool:
    """Whether the main thread that was seized is none any more: one that was not has executed and has its number now.

    The kernel lets go of the former one without a word then (fs/exec.c, de_thread).
    """
    if pid not in tracees:
        return False
    try:
        is_ours = procfs.tracer(pid) == os.getpid()
    except ProcessGone:
        is_ours = False  # it has ended as well, or the tracer would still have to wait for it
    if not is_ours:
        tracees.forget(pid)
    return not is_ours


def _seize(tracees: Tracees, pid: int, tid: int) -> None:
    try:
        ptrace.seize(tid)
    except OSError as error:
        if error.errno == errno.ESRCH:
            raise ProcessGone(f"thread {tid} of PID {pid}: gone") from None
        raise
    tracees.add(tid, pid)


def _why_not(procfs: Procfs, tid: int, error: OSError) -> str | None:
    """Who traces it already, if that is what keeps us out and if we can see it (proc_pid_status(5), TracerPid)."""
    try:
        tracer = procfs.tracer(tid)
    except AccessDenied:
        return str(error)
    if tracer == os.getpid():
        return None
    return f"PID {tracer} traces it already" if tracer else str(error)
