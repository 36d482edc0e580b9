"""Attaches to a process that runs already: to every thread of it, since each of them may fork or execute."""

import errno
import os

from collectors.procfs import Procfs, parse_stat
from collectors.tracer import ptrace
from collectors.tracer.exec_facts import STAT_BYTES
from collectors.tracer.tracees import Tracees
from sensor.model.errors import AccessDenied, ProcessGone

PASSES = 100
"""Through the list of threads, until one finds nothing new; threads of followed ones are followed by themselves."""


def attach(tracees: Tracees, procfs: Procfs, pid: int, start_ticks: int) -> str | None:
    """Follow all threads of the process; None, or why it is left alone. Raises ProcessGone."""
    _check(procfs, pid, start_ticks)
    try:
        _seize(tracees, pid, pid)
    except PermissionError as error:
        _check(procfs, pid, start_ticks)  # a zombie is refused in the same way
        return _why_not(procfs, pid, error)
    for _ in range(PASSES):
        if not _seize_threads(tracees, procfs, pid):
            break
    return None


def _check(procfs: Procfs, pid: int, start_ticks: int) -> None:
    """Raises ProcessGone unless the process is the one that is meant, and lives."""
    stat = parse_stat(procfs.record(f"{pid}/stat", STAT_BYTES))
    if stat.start_ticks != start_ticks or stat.is_zombie:
        raise ProcessGone(f"PID {pid} is another process by now, or none")


def _seize_threads(tracees: Tracees, procfs: Procfs, pid: int) -> int:
    """One pass; how many threads are followed since."""
    found = 0
    for name in procfs.names(f"{pid}/task"):
        if (tid := int(name)) in tracees:
            continue
        try:
            _seize(tracees, pid, tid)
        except (PermissionError, ProcessGone):
            continue  # born of a thread that is followed, or ended
        found += 1
    return found


def _seize(tracees: Tracees, pid: int, tid: int) -> None:
    try:
        ptrace.seize(tid)
    except OSError as error:
        if error.errno == errno.ESRCH:
            raise ProcessGone(f"thread {tid} of PID {pid}: gone") from None
        raise
    tracees.add(tid, pid)


def _why_not(procfs: Procfs, pid: int, error: OSError) -> str | None:
    """Who traces it already, if that is what keeps us out and if we can see it (proc_pid_status(5), TracerPid)."""
    try:
        status = procfs.read(f"{pid}/status", 16_384)
    except AccessDenied:
        return str(error)
    tracer = int(status.split(b"\nTracerPid:", 1)[1].split(None, 1)[0])
    if tracer == os.getpid():
        return None
    return f"PID {tracer} traces it already" if tracer else str(error)
