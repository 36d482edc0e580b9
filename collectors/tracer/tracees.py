"""The tracees: what each stop means, what is told of it, and how the tracee goes on as if nobody had looked.

A stop is reported for each new process or thread, for each exec, and for each signal that arrives; signals are passed
on with their numbers, and a group-stop is left to be one (ptrace(2), "Group-stop").
"""

import os
import time

from collectors.tracer import ptrace, wire
from collectors.tracer.exec_facts import ExecReader
from collectors.tracer.outlet import Outlet
from sensor.model.errors import ProcessGone


class Tracees:
    """All threads that are followed. Used from one thread, the one that attaches."""

    def __init__(self, outlet: Outlet, reader: ExecReader) -> None:
        self._outlet = outlet
        self._reader = reader
        self._followed: dict[int, bool] = {}
        self._untold: set[int] = set()
        self._early: set[int] = set()
        self.execs = 0
        self.stops = 0

    def __len__(self) -> int:
        return len(self._followed)

    def __contains__(self, tid: int) -> bool:
        return tid in self._followed

    def add(self, tid: int, *, is_process: bool) -> None:
        """A thread was seized, and the sensor knows of its process."""
        self._followed[tid] = is_process

    def reap(self, most: int) -> bool:
        """Handle stops and ends, at most so many; whether there may be more."""
        for _ in range(most):
            try:
                tid, status = os.waitpid(-1, ptrace.WAIT_FLAGS)
            except ChildProcessError:
                return False
            if tid == 0:
                return False
            if status & 0xFF == 0x7F:
                self.stops += 1
                self._stopped(tid, status >> 8 & 0xFF, status >> 16)
            else:
                self._ended(tid, status)
        return True

    def _stopped(self, tid: int, number: int, event: int) -> None:
        """`number` is the signal of the stop, `event` what ptrace(2) calls PTRACE_EVENT_*, 0 for a signal alone."""
        if event == 0:
            ptrace.resume(tid, number)
        elif event == ptrace.EVENT_STOP:
            if tid not in self._followed:
                self._early.add(tid)  # its parent's stop is still to come, or never comes
                self._born(tid)
            if number in ptrace.STOP_SIGNALS:
                ptrace.listen(tid)
            else:
                ptrace.resume(tid)
        else:
            if event == ptrace.EVENT_EXEC:
                self._executed(tid)
            elif event in ptrace.BIRTHS:
                self._gave_birth(tid)
            ptrace.resume(tid)

    def _gave_birth(self, tid: int) -> None:
        if tid in self._untold:
            self._tell_parent(tid)
        child = ptrace.event_message(tid)
        if child in self._early:
            self._early.discard(child)
        elif child is not None and child not in self._followed:
            self._born(child)

    def _born(self, tid: int) -> None:
        is_process = self._followed[tid] = ptrace.is_process(tid)
        if is_process:
            self._untold.add(tid)
        self._tell(wire.BORN if is_process else wire.THREAD, tid)

    def _tell_parent(self, pid: int) -> None:
        """A process that has executed nothing since its own birth is told of when its children need a parent."""
        self._untold.discard(pid)
        try:
            self._tell(wire.KNOWN, pid, self._reader.stat(pid))
        except ProcessGone:
            return  # killed while it stood still

    def _executed(self, pid: int) -> None:
        """Whichever of its threads executes, the process goes on under its own number, alone."""
        self.execs += 1
        self._untold.discard(pid)
        former = ptrace.event_message(pid)
        if former is not None and former != pid:
            self._followed.pop(former, None)
        self._followed[pid] = True
        now = time.time_ns()
        try:
            fields = self._reader.read(pid)
        except ProcessGone:
            return  # killed while it stood still
        self._outlet.put(wire.pack(wire.EXEC, pid, now, wire.pack_fields(fields)))

    def _ended(self, tid: int, status: int) -> None:
        self._untold.discard(tid)
        if self._followed.pop(tid, False):
            self._tell(wire.EXIT, tid, wire.STATUS.pack(status))

    def _tell(self, kind: int, pid: int, payload: bytes = b"") -> None:
        self._outlet.put(wire.pack(kind, pid, time.time_ns(), payload))
