"""Learns of the end of processes at once, without polling: one pidfd each, in one epoll instance.

A pidfd becomes readable when its process ends (pidfd_open(2)); opening one needs no permission. Where descriptors
run out, the process is left to `sweep`, a bounded round-robin of reads; half of them are left to all else.
"""

import asyncio
import errno
import fcntl
import os
import resource
import select
import struct
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from collectors.procfs import Procfs
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone


class End(NamedTuple):
    """The end of one process, which start ticks tell from another with the same PID; `status` is its wait status."""

    pid: int
    start_ticks: int
    status: int | None


Ended = Callable[[End], None]
"""Called with each end."""

SWEEP_S = 1.0
SWEEP = 50
"""Processes without a pidfd that one sweep looks at."""

_INFO = struct.Struct("=QQ11Ii")  # struct pidfd_info, version 0 (include/uapi/linux/pidfd.h)
_INFO_EXIT = 1 << 3
_GET_INFO = 3 << 30 | _INFO.size << 16 | 0xFF << 8 | 11  # PIDFD_GET_INFO, Linux 6.13; exit_code since 6.15


def most_pidfds() -> int:
    """Half of the descriptors that we may have open: without the others neither /proc could be read nor anything sent.
    A limit of 1024 is met by a task of as many processes."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft // 2


class ExitWatch:
    """Which of the watched processes have ended."""

    def __init__(self, procfs: Procfs, counters: Counters) -> None:
        self._procfs = procfs
        self._counters = counters
        self._epoll = select.epoll()
        self._most = most_pidfds()
        self._watched: dict[int, tuple[int, int]] = {}
        self._with_pidfd: set[tuple[int, int]] = set()
        self._unwatched: OrderedDict[int, int] = OrderedDict()
        self._tell: Ended | None = None
        self._sweeping: asyncio.TimerHandle | None = None

    def fileno(self) -> int:
        """The epoll descriptor, readable when there is something to collect."""
        return self._epoll.fileno()

    def start(self, ended: Ended) -> None:
        """Tell of ends as they come; needs the running loop, which must run until `close`."""
        self._tell = ended
        asyncio.get_running_loop().add_reader(self.fileno(), self._collected, ended)
        self._sweep_later()

    def watch(self, pid: int, start_ticks: int) -> None:
        """Watch a process, once however often it is asked for. Raises ProcessGone if it has ended already."""
        if (pid, start_ticks) in self._with_pidfd:
            return
        try:
            pidfd = self._registered(pid)
        except ProcessLookupError:
            raise ProcessGone(f"PID {pid}: gone") from None
        except OSError:  # no descriptors left, a kernel without pidfds, fs.epoll.max_user_watches, no memory
            self._unwatched[pid] = start_ticks
            self._counters.add("exits.without_pidfd")
            self._sweep_later()
        else:
            self._watched[pidfd] = pid, start_ticks
            self._with_pidfd.add((pid, start_ticks))

    def watch_again(self, pid: int, start_ticks: int) -> None:
        """The same of one whose number may be another's by now, which raises ProcessGone too. Where /proc cannot be
        read it is taken for the same."""
        self.watch(pid, start_ticks)
        with suppress(OSError):
            if self._procfs.stat(pid).start_ticks != start_ticks:
                raise ProcessGone(f"PID {pid}: another by now")

    def collect(self) -> Iterator[End]:
        """Those that ended, with the wait status where the kernel gives it."""
        for pidfd, _ in self._epoll.poll(0):
            pid, start_ticks = self._watched.pop(pidfd)
            self._with_pidfd.discard((pid, start_ticks))
            try:
                status = self._status(pidfd, pid, start_ticks)
            except OSError:  # /proc cannot be read now (no descriptors left); that it has ended is known all the same
                status = None
            finally:
                self._epoll.unregister(pidfd)  # closing does it only where no child between fork and exec has it too
                os.close(pidfd)
            yield End(pid, start_ticks, status)

    def sweep(self, ended: Ended) -> None:
        """Look at some of those without a pidfd, in turn."""
        for pid, start_ticks in list(self._unwatched.items())[:SWEEP]:
            del self._unwatched[pid]
            if self._lives(pid, start_ticks):
                self._unwatched[pid] = start_ticks
            else:
                ended(End(pid, start_ticks, None))

    def close(self) -> None:
        """Release every descriptor. Safe to call more than once."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        if self._tell is not None:
            self._tell = None
            asyncio.get_running_loop().remove_reader(self.fileno())
        for pidfd in self._watched:
            os.close(pidfd)
        self._watched.clear()
        self._with_pidfd.clear()
        self._epoll.close()

    def _collected(self, ended: Ended) -> None:
        for end in self.collect():
            ended(end)

    def _swept(self, ended: Ended) -> None:
        self._sweeping = None
        self.sweep(ended)
        self._sweep_later()

    def _sweep_later(self) -> None:
        """Only while there is something to sweep: an idle sensor pays for each turn of the loop by day and night."""
        if self._unwatched and self._tell is not None and self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP_S, self._swept, self._tell)

    def _registered(self, pid: int) -> int:
        """A pidfd that wakes the epoll instance. Raises OSError."""
        if len(self._watched) >= self._most:
            raise OSError(errno.EMFILE, "the other descriptors are for other uses")
        pidfd = os.pidfd_open(pid)
        try:
            self._epoll.register(pidfd, select.EPOLLIN)
        except OSError:
            os.close(pidfd)
            raise
        return pidfd

    def _lives(self, pid: int, start_ticks: int) -> bool:
        try:
            stat = self._procfs.stat(pid)
        except ProcessGone:
            return False
        except OSError:
            return True  # as far as is known; its turn comes again
        return stat.start_ticks == start_ticks and not stat.is_zombie

    def _status(self, pidfd: int, pid: int, start_ticks: int) -> int | None:
        """The pidfd has it once the parent has fetched it, /proc only until then: the pidfd is asked again after."""
        if (status := _exit_status(pidfd)) is None and (status := self._zombie_status(pid, start_ticks)) is None:
            return _exit_status(pidfd)
        return status

    def _zombie_status(self, pid: int, start_ticks: int) -> int | None:
        """The status that a parent has not yet fetched, if we may see it (proc_pid_stat(5), field 52)."""
        permitted = self._permitted(pid)  # asked first, while it is there for sure
        try:
            stat = self._procfs.stat(pid)
        except ProcessGone:
            return None
        is_its_own = stat.is_zombie and stat.start_ticks == start_ticks
        return stat.exit_code if is_its_own and permitted else None

    def _permitted(self, pid: int) -> bool:
        """Whether the zero in a refused field is a real one: the link of a zombie is gone, or denied."""
        try:
            self._procfs.link(f"{pid}/exe")
        except ProcessGone:
            return True
        except AccessDenied:
            return False
        return True


def exit_code(status: int) -> int:
    """A wait status as an exit code, or minus the signal that ended the process (waitpid(2))."""
    return os.waitstatus_to_exitcode(status & 0xFFFF)


def _exit_status(pidfd: int) -> int | None:
    request = bytearray(_INFO.size)
    struct.pack_into("=Q", request, 0, _INFO_EXIT)
    try:
        fcntl.ioctl(pidfd, _GET_INFO, request)
    except OSError:
        return None  # an older kernel
    mask = struct.unpack_from("=Q", request)[0]
    return _INFO.unpack_from(request)[-1] if mask & _INFO_EXIT else None
