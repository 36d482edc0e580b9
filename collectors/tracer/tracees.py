"""The tracees: what each stop means, what is told of it, and how the tracee goes on as if nobody had looked.

A stop is reported for each new process or thread, for each exec, and for each signal that arrives; signals are passed
on with their numbers, and a group-stop is left to be one (ptrace(2), "Group-stop"). Whoever stopped is let go on before
anything is made of it: only what is lost then is read first.
"""

import time
from collections.abc import Callable

from collectors.tracer import ptrace, wire
from collectors.tracer.exec_facts import ExecReader
from collectors.tracer.outlet import Outlet
from sensor.model.errors import ProcessGone

LOOKED_AT = 32
"""Processes of which one pulse asks whether they are followed still, 1 µs each."""
ORPHANED_S = 5.0
"""After this time a stop of one that is not followed any more is not awaited: all stops are looked at long before."""


class Tracees:
    """All threads that are followed. Used from one thread, the one that attaches.

    A child may stop before its parent's stop tells of it, and goes on at once. What it does itself is told behind its
    birth nevertheless: then its birth is told by what its own status says. So is that of one whose parent was killed
    before it could tell. It may even have ended before its parent's stop is seen, which is not another birth then; of a
    parent that was killed that stop is not awaited for ever.
    """

    def __init__(self, outlet: Outlet, reader: ExecReader, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._outlet = outlet
        self._reader = reader
        self._monotonic = monotonic
        self._followed: dict[int, int] = {}
        self._untold: set[int] = set()
        self._early: set[int] = set()
        self._awaited: dict[int, int] = {}
        self._ended_early: dict[int, int] = {}
        self._orphans: dict[int, float] = {}
        self._turn: list[int] = []
        self._unsure: list[int] = []
        self.execs = 0
        self.stops = 0

    def __len__(self) -> int:
        return len(self._followed)

    def __contains__(self, tid: int) -> bool:
        return tid in self._followed

    def add(self, tid: int, pid: int) -> None:
        """A thread was seized, and the sensor knows of its process."""
        self._followed[tid] = pid

    def forget_renumbered(self, pid: int) -> None:
        """A thread that executed while it was being seized has the number of its process since."""
        for tid in self.threads_of(pid):
            if tid != pid and not ptrace.is_tracee(tid):
                self.forget(tid)

    def forget(self, tid: int) -> None:
        """What has its number now was never seized."""
        self._followed.pop(tid, None)

    def threads_of(self, pid: int) -> list[int]:
        """The threads of a process that are followed. May be asked from another thread."""
        return [tid for tid, of in list(self._followed.items()) if of == pid]

    def handle(self, tid: int, status: int) -> None:
        """A stop or an end, as waitpid(2) gives it: the signal above the lowest byte, PTRACE_EVENT_* above that."""
        if not ptrace.is_stop(status):
            self._ended(tid, status)
            return
        self.stops += 1
        event = status >> 16
        if event == 0:
            ptrace.resume(tid, status >> 8)
        elif event == ptrace.EVENT_STOP:
            _go_on(tid, status >> 8 & 0xFF)
            if tid not in self._followed:
                self._early.add(tid)
                self._ended_early.pop(tid, None)  # another had the number, and its parent was killed
        elif event == ptrace.EVENT_EXEC:
            self._executed(tid)
        elif event in ptrace.BIRTHS:
            self._gave_birth(tid)
        else:
            ptrace.resume(tid)

    def next_in_turn(self, most: int) -> list[int]:
        """So many of those that are known, others each time until all had their turn."""
        if not self._turn:
            self._turn = [*self._early, *reversed(self._followed)]
        turn = self._turn[-most:]
        del self._turn[-most:]
        return turn

    def tell_early(self) -> None:
        """Tell of those that nobody has told of by now: their parents were killed, or are about to."""
        for tid in list(self._early):
            self._told_itself(tid)
        self._forget_orphans()

    def tell_strays(self) -> None:
        """Tell of processes that are followed no more though they live: a thread that is not followed, since the one
        that made it has kept it from tracers (CLONE_UNTRACED), or since another traces it, has executed a program. It
        has the number from then on, and the kernel lets go of the main thread without a word (fs/exec.c, de_thread).
        """
        if not self._unsure:
            self._unsure = [tid for tid, pid in self._followed.items() if tid == pid]
        for pid in self._unsure[-LOOKED_AT:]:
            if pid in self._followed and not ptrace.is_tracee(pid):
                self.forget(pid)
                self._untold.discard(pid)
                self._tell(wire.STRAYED, pid)
        del self._unsure[-LOOKED_AT:]

    def _forget_orphans(self) -> None:
        """Those whose parents were killed before their stops tell of them: nobody will tell of them any more."""
        now, before = self._monotonic(), self._orphans
        births = {**self._ended_early, **self._awaited}
        self._orphans = {tid: before.get(tid, now) for tid, parent in births.items() if parent not in self._followed}
        for tid in [tid for tid, since in self._orphans.items() if now - since > ORPHANED_S]:
            del self._orphans[tid]
            self._awaited.pop(tid, None)
            self._ended_early.pop(tid, None)

    def _gave_birth(self, tid: int) -> None:
        child = ptrace.event_message(tid)
        ptrace.resume(tid)
        if child is None:
            return
        self._awaited.pop(child, None)
        if child in self._followed or self._ended_early.pop(child, None) is not None:
            return
        self._told_itself(tid)
        self._born(child, self._followed.get(tid, tid))

    def _told_itself(self, tid: int) -> None:
        """What its parent has not told of yet, its own status does, behind that of a parent of which nobody has told
        either; the parent may have ended by now."""
        untold: list[tuple[int, int]] = []
        while tid in self._early:
            try:
                process, parent = _lineage(self._reader.status(tid))
            except ProcessGone:
                break  # its end is next
            self._early.discard(tid)
            untold.append((tid, parent if process == tid else process))
            tid = untold[-1][1]
        for child, parent in reversed(untold):
            self._awaited[child] = parent
            self._born(child, parent)

    def _born(self, tid: int, parent: int) -> None:
        """`parent` is the process that it was born in; a thread of the same one stays in it."""
        self._early.discard(tid)
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
            return  # killed

    def _executed(self, pid: int) -> None:
        """Whichever of its threads executes, the process goes on under its own number, alone."""
        now = time.time_ns()
        former = ptrace.event_message(pid)
        try:
            seen = self._reader.look(pid)
        except ProcessGone:
            seen = None  # killed while it stood still
        ptrace.resume(pid)
        self.execs += 1
        self._told_itself(pid)
        self._untold.discard(pid)
        if former is not None and former != pid:
            self._has_no_number(former)
        self._followed[pid] = pid
        if seen is None:
            return
        try:
            fields = self._reader.fields(pid, seen)
        except ProcessGone:
            return  # killed before it could show itself
        self._outlet.put(wire.pack(wire.EXEC, pid, now, wire.pack_fields(fields)))

    def _has_no_number(self, thread: int) -> None:
        """It has executed and goes on by that of its process: no end of it is told, and no birth any more."""
        self._followed.pop(thread, None)
        self._early.discard(thread)
        self._awaited.pop(thread, None)

    def _ended(self, tid: int, status: int) -> None:
        self._told_itself(tid)
        if tid not in self._followed:  # killed before its first stop, or reaped since
            self._awaited[tid] = wire.NOBODY
            self._born(tid, wire.NOBODY)
        if (parent := self._awaited.pop(tid, None)) is not None:
            self._ended_early[tid] = parent
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


def _lineage(status: bytes) -> tuple[int, int]:
    """The process of a thread, and the parent of that (proc_pid_status(5), Tgid and PPid)."""
    return tuple(int(status.split(b"\n%s:" % name, 1)[1].split(None, 1)[0]) for name in (b"Tgid", b"PPid"))  # type: ignore[return-value] # two of them
