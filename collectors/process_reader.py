"""Reads what there is to know about one process, and says what could not be read."""

import os
import time
from collections.abc import Callable

from collectors.environ import Environ, preloads
from collectors.gated import GatedReads
from collectors.process_table import DEPTH, Tracked
from collectors.procfs import TOO_LONG, Procfs, Stat, text
from collectors.program import Program, runs_the_same
from sensor.model.clock import Clock
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.events import Missing, Timestamp
from sensor.model.identity import process_entity

TICKS = os.sysconf("SC_CLK_TCK")
NS = 1_000_000_000
KNOWN_ONCE = frozenset({"process.preload", "process.sha256", "process.drift"})
ENDS_WITH_IT = ("process.exe", "process.cwd", "process.preload")
NOTHING_READ = tuple(Missing(field, "gone") for field in ("process.exe", "process.args", "process.cwd"))
"""What misses of a program that was gone before anything of it was read."""
_BOOTTIME = time.CLOCK_BOOTTIME


class ProcessReader:
    """Turns PIDs into `Tracked` processes. `instance` names the running task (identity.process_entity)."""

    def __init__(self, procfs: Procfs, gated: GatedReads, clock: Clock, instance: str) -> None:
        self._procfs = procfs
        self._gated = gated
        self._clock = clock
        self._instance = instance
        self._namespace = os.stat(f"{procfs.root}/self/ns/pid").st_ino

    def unknown_above(self, stat: Stat, living: Callable[[int], Tracked | None]) -> list[Stat]:
        """Ancestors not yet taken in, nearest first: once numbers have wrapped, a child's may be below its parent's."""
        found: list[Stat] = []
        while stat.ppid and living(stat.ppid) is None and len(found) < DEPTH:
            try:
                stat = self._procfs.stat(stat.ppid)
            except ProcessGone:
                break
            if stat.is_kernel_thread:
                break
            found.append(stat)
        return found

    def discover(self, stat: Stat, parent: Tracked | None) -> Tracked:
        """A new process, by its stat; nothing else is read yet."""
        entity = process_entity(self._instance, self._namespace, stat.pid, stat.start_ticks)
        process = Tracked(stat.pid, entity, stat.start_ticks, self._wall(stat.start_ticks), parent)
        process.ppid = stat.ppid
        process.comm = stat.comm
        process.executed = stat.has_executed
        process.survivor = stat.survivor
        process.tty = tty_name(stat.tty_nr)
        return process

    def glimpsed(self, pid: int, age: float) -> Tracked:
        """A process that could not be read, whose program was opened `age` seconds ago or a little before."""
        ticks = (time_boottime() - int(age * NS)) * TICKS // NS - 1
        entity = process_entity(self._instance, self._namespace, pid, ticks)
        return Tracked(pid, entity, ticks, self._wall(ticks), None, glimpsed=True)

    def stat(self, process: Tracked) -> Stat:
        """What its stat says now. Raises ProcessGone, also if the number is another process's by now."""
        stat = self._procfs.stat(process.pid)
        if stat.start_ticks != process.start_ticks:
            raise ProcessGone(f"PID {process.pid} is another process by now")
        process.survivor = stat.survivor
        return stat

    def runs_another(self, process: Tracked, stat: Stat) -> bool:
        """Whether another program than the one that was read last runs in the process, by its stat."""
        if stat.image_is_known or process.image is None:
            return not runs_the_same(process, stat)
        return (stat.has_executed, stat.comm) != (process.executed, process.comm)

    def still_holds(self, process: Tracked, stat: Stat, briefly: bool) -> bool:
        """Whether nothing must be read, since what was read before holds, by its stat now. `briefly`: where the image
        may not be seen, the same name and arguments pass for the same program, since the rest costs ten times as much,
        most of it a helper's answers."""
        if not process.args:
            return False
        if runs_the_same(process, stat):
            return True
        if (process.executed, process.comm) != (stat.has_executed, stat.comm):
            return False
        if stat.has_exited:
            return True  # it takes what is known of it along, and nothing more will be
        if not briefly or stat.image_is_known or process.image is None:
            return False
        return self._args(process, []) == (process.args, process.args_cut)

    def had_executed(self, process: Tracked) -> bool | None:
        """Whether a process that has just ended ran a program of its own that was not read: then only its name is left.

        A zombie still says so. Without one, what the last look at it showed counts, and None says that it showed none.
        """
        try:
            stat = self.stat(process)
        except (ProcessGone, OSError):  # reaped already, or /proc cannot be read now
            if not process.executed:
                return None
        else:
            process.executed, process.comm = stat.has_executed, stat.comm
            if not process.executed:
                return False
        process.forget_program()
        process.missing = NOTHING_READ
        return True

    def read(self, process: Tracked, stat: Stat) -> bool:
        """Read the program's facts, the shortest-lived first; False when an exec got in between and they may be mixed.

        What a process takes with it when it ends meanwhile is named as missing; ProcessGone only if nothing was read.
        Of what is not whole nothing is kept: if it ends before it is read again, its name alone tells the truth.
        """
        try:
            whole = self._read(process, stat)
        except OSError:  # no descriptor is left, for example
            _forget(process)
            raise
        if not whole and process.args:
            process.image = None  # all is read again
            if not stat.is_in_exec:  # else there was nothing of the program before that could have been read
                _forget(process)
        return whole

    def _read(self, process: Tracked, stat: Stat) -> bool:
        missing: list[Missing] = []
        before = Program.of(process)
        process.args, process.args_cut = self._args(process, missing)
        process.image = stat.image
        is_there = self._read_credentials(process, missing)  # which say what helper may read the rest
        if not is_there and process.survivor is None:
            return self._took_the_rest_along(process, missing)
        process.exe, process.cwd, process.stdin = self._links(process, stat, missing)
        self._once_for_each_program(process, _known_of(process, before, stat), missing)
        process.missing = tuple(missing)
        return self._is_still(process, stat)

    def _took_the_rest_along(self, process: Tracked, missing: list[Missing]) -> bool:
        """It has ended, and its parent knows. Raises ProcessGone if nothing was read."""
        if process.args is None:
            raise ProcessGone(f"PID {process.pid}: gone")
        process.exiting = True
        process.exe = process.cwd = process.stdin = process.sha256 = process.drift = process.preload = None
        process.preload_cut = False
        process.missing = (*missing, *(Missing(field, "gone") for field in ENDS_WITH_IT))
        return True

    def _once_for_each_program(self, process: Tracked, known: Tracked | None, missing: list[Missing]) -> None:
        """What costs more than the rest. `known` is a process of which it is known already, perhaps this one."""
        if known is None:
            process.sha256 = process.drift = None
            process.preload, process.preload_cut = self._preload(process, missing)
            return
        process.sha256, process.drift = known.sha256, known.drift
        process.preload, process.preload_cut = known.preload, known.preload_cut
        missing.extend(m for m in known.missing if m.field in KNOWN_ONCE)

    def _links(self, process: Tracked, stat: Stat, missing: list[Missing]) -> tuple[str | None, str | None, str | None]:
        """Its executable, its directory, and what of its standard input was found to be a connection. The executable is
        the parent's where none may be read and nothing was executed since the fork (docs/adr/0082)."""
        try:
            exe, cwd, stdin = self._gated.links(process)
        except AccessDenied:
            if (inherited := _inherited(process, stat)) is None:
                missing.append(Missing("process.exe", "denied"))
            missing.append(Missing("process.cwd", "denied"))
            return inherited, None, None
        except ProcessGone:
            missing.extend(Missing(field, "gone") for field in ("process.exe", "process.cwd"))
            return None, None, None
        return _path(exe, "process.exe", missing), _path(cwd, "process.cwd", missing), text(stdin) or None

    def _preload(self, process: Tracked, missing: list[Missing]) -> tuple[tuple[str, ...] | None, bool]:
        """The values of `environ.PRELOADS`, empty where none is set; and whether something was cut off."""
        try:
            found = self._environment(process)
        except AccessDenied:
            missing.append(Missing("process.preload", "denied"))
        except ProcessGone:
            missing.append(Missing("process.preload", "gone"))
        else:
            return tuple(map(text, preloads(found))), found.cut
        return None, False

    def _environment(self, process: Tracked) -> Environ:
        """A process loses its environment with its arguments, and then it looks empty. Raises ProcessGone."""
        found = self._gated.environment(process) if process.args is not None else Environ()
        if not found and (process.args is None or self.stat(process).has_exited):
            raise ProcessGone(f"PID {process.pid}: no environment any more")
        return found

    def _args(self, process: Tracked, missing: list[Missing]) -> tuple[tuple[str, ...] | None, bool]:
        """None where it is empty: the process has ended, or is in the middle of an exec."""
        try:
            args, cut = self._procfs.args(process.read_by[0])
        except ProcessGone:
            args, cut = (), False
        if not args:
            missing.append(Missing("process.args", "gone"))
            return None, False
        return args, cut

    def _read_credentials(self, process: Tracked, missing: list[Missing]) -> bool:
        """Whether they are there: a zombie has them too."""
        try:
            found = self._procfs.credentials(process.read_by[0])
        except ProcessGone:
            missing.extend(Missing(field, "gone") for field in ("process.uid", "process.gid"))
            return False
        process.uid, process.gid = found.uid, found.gid
        return True

    def _is_still(self, process: Tracked, before: Stat) -> bool:
        """Whether what was read belongs to one program: the same image afterwards, or none any more."""
        try:
            after = self._procfs.stat(process.pid)
        except ProcessGone:
            if process.args is None:
                raise
            return True
        if after.start_ticks != process.start_ticks:
            raise ProcessGone(f"PID {process.pid} is another process by now")
        process.survivor = after.survivor
        process.comm, process.executed, process.tty = after.comm, after.has_executed, tty_name(after.tty_nr)
        if after.has_executed != before.has_executed or before.is_in_exec:
            return False
        process.exiting = after.has_exited
        if process.exiting:
            return True
        return process.args is not None and (after.image, after.comm) == (before.image, before.comm)

    def _wall(self, start_ticks: int) -> Timestamp:
        """Start ticks since boot as wall time by today's difference of the two clocks."""
        age = time_boottime() - start_ticks * NS // TICKS
        return Timestamp(self._clock.wall() - age)


def _forget(process: Tracked) -> None:
    """What was read may be of two programs."""
    process.forget_program()
    process.image, process.missing = None, NOTHING_READ


def _known_of(process: Tracked, before: Program, stat: Stat) -> Tracked | None:
    """Whose facts still hold: its own while it runs the same program, whatever it makes of its arguments, its parent's
    until it runs one of its own."""
    now = Program.of(process)
    if now == before or (process.told is not None and not now.differs(process.told)):
        return process
    parent = process.parent
    if not stat.has_executed and parent is not None and parent.exe == process.exe is not None:
        return parent
    return None


def _path(link: bytes, field: str, missing: list[Missing]) -> str | None:
    if link and link != TOO_LONG:
        return text(link)
    missing.append(Missing(field, "too long" if link else "gone"))
    return None


def _inherited(process: Tracked, stat: Stat) -> str | None:
    """The program that a fork has from its parent. By another name the parent may have executed one since, or it was
    never read."""
    parent = process.parent
    if stat.has_executed or parent is None or parent.comm != stat.comm:
        return None
    return parent.exe


def time_boottime() -> int:
    """Nanoseconds since boot, suspended time included: the clock that start ticks count on."""
    return time.clock_gettime_ns(_BOOTTIME)


def tty_name(tty_nr: int) -> str | None:
    """`pts/3`, `tty1`, else `MAJOR:MINOR`; None without a terminal (Documentation/admin-guide/devices.txt)."""
    if tty_nr == 0:
        return None
    major, minor = os.major(tty_nr), os.minor(tty_nr)
    if 136 <= major <= 143:
        return f"pts/{minor + (major - 136) * 256}"
    return f"tty{minor}" if major == 4 and minor < 64 else f"{major}:{minor}"
