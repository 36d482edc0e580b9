"""Reads each process until it has settled, and tells what it turned out to run.

Right after fork a process shows its parent's program, right at exec none, and one program may run another in its
place within moments; so a new process is read again at growing intervals, and at once when a hint says so.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from collectors.hint_listener import HintListener
from collectors.open_hints import OpenHints, Unread
from collectors.process_events import ProcessEvents
from collectors.process_reader import NOTHING_READ
from collectors.process_table import Tracked
from collectors.procfs import Stat
from collectors.program import Program
from collectors.task_view import Task
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.events import Timestamp
from sensor.model.resolution import Step

REREAD_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.05)
"""After these times a new process is read again."""
FORKED_S = (0.25, 0.5, 1.0, 2.0, 5.0)
"""Later reads of a process that has still not run a program of its own."""
SHALLOW = 4
"""Rereads of a process that has told its program, where settling is given up."""
WHOLE = (0, SHALLOW, len(REREAD_S))
"""Looks that ask for more than the name and the arguments, which are all that is cheap where the image may not be seen:
a wrapper may hand both on to the program that it runs."""
NEWEST = 32
"""Processes that one hint has looked at again."""


class _Waiting(NamedTuple):
    """A process that is looked at again when its timer or a hint says so."""

    process: Tracked
    step: int
    timer: asyncio.TimerHandle


class Settling:
    """The processes that have not settled. Uses the running loop's timers."""

    def __init__(
        self,
        *,
        processes: Task,
        events: ProcessEvents,
        matching: OpenHints,
        hints: HintListener,
        counters: Counters,
        clock: Clock,
    ) -> None:
        self._processes = processes
        self._events = events
        self._matching = matching
        self._hints = hints
        self._counters = counters
        self._clock = clock
        self._waiting: dict[str, _Waiting] = {}

    def waits_for(self, process: Tracked) -> bool:
        """Whether the process is to be looked at again anyway."""
        return process.entity in self._waiting

    def about_to_run(self) -> Tracked | None:
        """The newest process that has still to run its program, or to show that it runs none."""
        for waiting in self._unsettled():
            return waiting.process
        return None

    def begin(self, process: Tracked, stat: Stat) -> None:
        """A new process, whose stat was just read: one that runs no program of its own yet is about to, mostly."""
        if stat.runs_its_own:
            self.look(process, stat=stat)
        else:
            self._come_back(process, 0)

    def look(self, process: Tracked, step: int = 0, stat: Stat | None = None) -> None:
        """Read the process; tell of a program that is new, and come back until it has settled. `stat` is what its stat
        says now, where that is known."""
        due = self._forget(process, step)
        self._processes.tracing.drain()
        if process.traced:
            return None  # its tracer tells
        before = process.told
        user = process.uid, process.gid
        try:
            whole = self._processes.read(process, stat, briefly=step not in WHOLE)
        except ProcessGone:
            return self._come_back(process, step, due)  # in between, or its end is told by `exited`
        except OSError:  # no descriptor is left, for example: again and again until it can be read or ends
            self._counters.lost("proc_unreadable")
            process.uid, process.gid = user  # that it changed is told by the look that reads all
            return self._come_back(process, min(step, len(REREAD_S) - 1))
        self._processes.tracing.drain()
        if process.traced:
            return None  # attached to meanwhile: what was read may be the last of several programs, or half of one
        is_program = process.executed or self._events.from_before
        if whole and is_program and Program.of(process).differs(before):
            self._tell(process)
            step, due = 0, None  # the next program of a chain may follow this one as soon
        elif before is not None and whole:
            process.told = Program.of(process)
            self._tell_change(process, user)
        elif before is not None:  # its user is the next program's, of which only half is there
            process.uid, process.gid = user
        if not (self._events.from_before and process.announced):
            self._come_back(process, step, due)
        return None

    def read_once_it_runs(self, process: Tracked) -> bool:
        """It is about to run its program, and is read once it does; False where nothing more is to come of it."""
        try:
            stat = self._processes.stat(process)
        except (ProcessGone, OSError):
            return False  # its end or its next turn tells what came of it
        if stat.runs_its_own:
            self.look(process, self._waiting[process.entity].step, stat)
        return not (stat.has_exited or process.exiting)

    def tells_another(self, process: Tracked) -> bool:
        """Whether another program runs in it than the one that was told, and is told now.

        Raises ProcessGone also where it has exited, OSError where /proc cannot be read.
        """
        stat = self._processes.stat(process)
        if stat.has_exited:
            raise ProcessGone(f"PID {process.pid}: exited")
        if stat.is_in_exec or (process.args is not None and not self._processes.runs_another(process, stat)):
            return False
        before = process.told
        self.look(process, stat=stat)
        return process.told is not None and process.told.differs(before)

    def look_at_newest(self) -> None:
        """A hint: the newest processes that nothing is known of are read at once. Their next looks come as they were
        to come, so that no number of hints keeps a fork that runs no program from settling."""
        for waiting in reversed(list(self._unsettled())):
            self.look(waiting.process, waiting.step)

    def look_again(self, process: Tracked) -> None:
        """A settled process: whether it runs another program, or as another user, than when it was read last."""
        try:
            if not process.traced and self._processes.runs_another(process):
                self.look(process)
            elif self._processes.changed_user(process):
                self._events.identity(process)
        except (ProcessGone, AccessDenied):
            return  # its end is told by `exited`
        except OSError:
            self._counters.lost("proc_unreadable")  # its turn comes again

    def traced(self, process: Tracked, at: Timestamp) -> None:
        """A tracer saw a program begin then, and all that there is to know of it."""
        self._forget(process)
        self._processes.settle(process)
        self._matching.explained(self._clock.monotonic(), process)
        self._hints.ran(process.container, process.exe)
        self._events.executed(process, traced_at=at)

    def exited(self, process: Tracked) -> None:
        """Each end of what was told of is told; one that was never read may yet be explained by what was opened."""
        self._forget(process)
        if process.own:
            return
        if process.announced:
            if not process.traced:
                self._tell_last(process)
            self._events.exited(process)
        elif process.traced:
            return  # a fork that ran no program of its own
        elif executed := self._processes.had_executed(process):
            self._tell(process)
            self._events.exited(process)
        elif executed is None and not process.settled:
            self.unread(process.pid, process)

    def unread(self, pid: int, process: Tracked | None = None, at: float | None = None) -> None:
        """A number is gone without its program having been read; `process` if its fork was seen.

        `at` is when it was found gone, in monotonic seconds, by default now.
        """
        with suppress(OSError):  # it is counted all the same
            self._hints.learn()  # what belongs to it may have come at the same moment
        self._matching.unread(Unread(self._clock.monotonic() if at is None else at, pid, process))
        self.conclude()

    def conclude(self) -> None:
        """What ran without having been read, and what stays unexplained."""
        if not self._matching:
            return
        ran, unexplained, candidates = self._matching.match(self._clock.monotonic())
        if ran is not None:
            self._counters.add("open_hints")
            self._counters.processes += ran.unread.process is None  # a fork that was seen has been counted
            self._events.ran_unread(ran.unread.process or self._processes.glimpsed(ran), ran.opened)
            if ran.unread.process is not None:
                self._events.exited(ran.unread.process)
        for one in unexplained:
            self._counters.unexplained += 1
            self._counters.processes -= one.process is not None  # counted, but not understood
        self._counters.add("candidates", candidates)

    def close(self) -> None:
        """Look at nothing any more: what had not shown its program by now counts as unexplained."""
        for waiting in self._waiting.values():
            waiting.timer.cancel()
        unsure = sum(not one.process.announced and not one.process.settled for one in self._waiting.values())
        self._counters.unexplained += unsure + self._matching.give_up()
        self._counters.processes -= unsure
        self._waiting.clear()

    def _tell_change(self, process: Tracked, told: tuple[int | None, int | None]) -> None:
        """The program is the one that was told of. Where its image may not be seen it was read again, its user too."""
        if None not in told and process.uid is not None and (process.uid, process.gid) != told:
            self._processes.settle(process)  # the user has another name
            self._events.identity(process)

    def _tell_last(self, process: Tracked) -> None:
        """A process that was told of may have ended as another program, by the name that its zombie has, and the open
        of a file of that name that nothing else accounts for."""
        if process.container not in self._matching.containers():
            return
        with suppress(ProcessGone, OSError):  # reaped already, or /proc cannot be read now
            comm = self._processes.stat(process).comm
            is_known = comm == process.comm and process.image is not None  # else only the name was
            if is_known or (exe := self._matching.claim(process.container, comm)) is None:
                return
            if self._processes.had_executed(process):
                _name(process, exe)
                self._events.executed(process, by_open=True)

    def _unsettled(self) -> Iterator[_Waiting]:
        """Of those that were looked at last, newest first. A fork that has settled and may yet run a program is looked
        at like any other process that has settled."""
        for waiting in islice(reversed(self._waiting.values()), NEWEST):
            if not waiting.process.settled:
                yield waiting

    def _forget(self, process: Tracked, step: int | None = None) -> float | None:
        """When the look that follows this step was due, in the loop's seconds, if that is what it waited for."""
        waiting = self._waiting.pop(process.entity, None)
        if waiting is None:
            return None
        waiting.timer.cancel()
        return waiting.timer.when() if waiting.step == step else None

    def _come_back(self, process: Tracked, step: int, due: float | None = None) -> None:
        """Look again after the next delay, or when it was due already; a process that has shown nothing new by the
        last one is taken as it is."""
        shallow = process.announced and self._processes.resolution.gives_up(Step.SETTLING)
        rereads = REREAD_S[:SHALLOW] if shallow else REREAD_S
        if step == len(rereads):
            self._processes.settle(process)
        delays = rereads if process.announced else REREAD_S + FORKED_S
        if step < len(delays):
            loop = asyncio.get_running_loop()
            timer = loop.call_at(due or loop.time() + delays[step], self.look, process, step + 1)
            self._waiting[process.entity] = _Waiting(process, step, timer)
        elif not process.announced and process.executed:
            self._take_as_it_is(process, step)

    def _take_as_it_is(self, process: Tracked, step: int) -> None:
        """A program without arguments, or one that could not be read, or that passes for the runtime's init."""
        if not process.overdue:
            process.overdue = True
            return self.look(process, step)
        process.missing = process.missing or (() if process.exe else NOTHING_READ)
        return self._tell(process)

    def _tell(self, process: Tracked) -> None:
        self._processes.settle(process)
        by_open = process.exe is None and self._name_by_open(process)
        if not by_open:
            self._matching.explained(self._clock.monotonic(), process)
        self._hints.ran(process.container, process.exe)
        self._events.executed(process, by_open=by_open)

    def _name_by_open(self, process: Tracked) -> bool:
        """The executable of a process of which only the kernel's name is left, if its open was seen."""
        self._hints.learn()  # its open may have come at the same moment
        exe = self._matching.claim(process.container, process.comm)
        if exe is not None:
            _name(process, exe)
        return exe is not None


def _name(process: Tracked, exe: str) -> None:
    """The path of its program is known by the open of its file."""
    process.exe = exe
    process.missing = tuple(missing for missing in process.missing if missing.field != "process.exe")
