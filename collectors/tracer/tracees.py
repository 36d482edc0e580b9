"""The tracees: what each stop means, what is told of it, and how the tracee goes on as if nobody had looked.

A stop is reported for each new process or thread, for each exec, and for each signal that arrives; signals are passed
on with their numbers, and a group-stop is left to be one (ptrace(2), "Group-stop").
"""

import os
import time

from collectors.procfs import parse_stat
from collectors.tracer import ptrace, wire
from collectors.tracer.exec_facts import ExecReader
from collectors.tracer.outlet import Outlet
from sensor.model.errors import ProcessGone


class Tracees:
    """All threads that are followed. Used from one thread, the one that attaches.

    A child may stop before its parent's stop tells of it. It waits for that, so that what it does is told behind its
    birth, but only until nothing else is there to be handled: a parent that was killed never tells.
    """

    def __init__(self, outlet: Outlet, reader: ExecReader) -> None:
        self._outlet = outlet
        self._reader = reader
        self._followed: dict[int, int] = {}
        self._untold: set[int] = set()
        self._early: dict[int, int] = {}
        self._stillborn: set[int] = set()
        self.execs = 0
        self.stops = 0

    def __len__(self) -> int:
        return len(self._followed)

    def __contains__(self, tid: int) -> bool:
        return tid in self._followed

    def add(self, tid: int, pid: int) -> None:
        """A thread was seized, and the sensor knows of its process."""
        self._followed[tid] = pid

    def reap(self, most: int) -> bool:
        """Handle stops and ends, at most so many; whether there may be more."""
        for _ in range(most):
            try:
                tid, status = os.waitpid(-1, ptrace.WAIT_FLAGS)
            except ChildProcessError:
                return False
            if tid == 0:
                return self._let_early_go()
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
            if tid in self._followed:
                _go_on(tid, number)
            else:
                self._early[tid] = number
        else:
            if event == ptrace.EVENT_EXEC:
                self._executed(tid)
            elif event in ptrace.BIRTHS:
                self._gave_birth(tid)
            ptrace.resume(tid)

    def _gave_birth(self, tid: int) -> None:
        child = ptrace.event_message(tid)
        if child is None or child in self._followed:
            return
        if child in self._stillborn:
            self._stillborn.discard(child)
            return
        self._born(child, self._followed.get(tid, tid))
        if (number := self._early.pop(child, None)) is not None:
            _go_on(child, number)

    def _let_early_go(self) -> bool:
        """What their parents do not tell of, the children's own stat does. Whether there were any."""
        if not self._early:
            return False
        early, self._early = self._early, {}
        for tid, number in early.items():
            try:
                self._born(tid, parse_stat(self._reader.stat(tid)).ppid)
            except ProcessGone:
                continue  # killed while it stood still
            _go_on(tid, number)
        return True

    def _born(self, tid: int, parent: int) -> None:
        """`parent` is the process that it was born in; a thread of the same one stays in it."""
        if not ptrace.is_process(tid):
            self._followed[tid] = parent
            self._tell(wire.THREAD, tid)
            return
        self._tell_parent(parent)
        self._followed[tid] = tid
        self._untold.add(tid)
        self._tell(wire.BORN, tid, wire.PARENT.pack(parent))

    def _tell_parent(self, pid: int) -> None:
        """A process that has executed nothing since its own birth is told of when its children need a parent."""
        if pid not in self._untold:
            return
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
        self._followed[pid] = pid
        now = time.time_ns()
        try:
            fields = self._reader.read(pid)
        except ProcessGone:
            return  # killed while it stood still
        self._outlet.put(wire.pack(wire.EXEC, pid, now, wire.pack_fields(fields)))

    def _ended(self, tid: int, status: int) -> None:
        if self._early.pop(tid, None) is not None:
            self._stillborn.add(tid)
        self._untold.discard(tid)
        if self._followed.pop(tid, None) == tid:
            self._tell(wire.EXIT, tid, wire.STATUS.pack(status))

    def _tell(self, kind: int, pid: int, payload: bytes = b"") -> None:
        self._outlet.put(wire.pack(kind, pid, time.time_ns(), payload))


def _go_on(tid: int, number: int) -> None:
    """From a stop that no signal is to follow: a group-stop goes on being one."""
    if number in ptrace.STOP_SIGNALS:
        ptrace.listen(tid)
    else:
        ptrace.resume(tid)
