"""A loop that reads of the kernel what a sensor has to read at once, and does nothing with it: what that costs by
itself, in this language.

`python busy_floor.py MARK`, in a task's namespaces with SYS_PTRACE, watches the process whose arguments hold the mark,
until it is killed. Opens of programs, ends of processes, packets and destroyed sockets wake it as they wake the sensor,
of which it has sockets and decoders. Of a new process it reads what the sensor reads while it lives, and passes over
what is gone by then; of a connection which descriptor of the watched process it is. It decodes what it needs to go on,
keeps nothing, makes no event, asks no rule and sends nothing.
"""

import os
import select
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from collectors import inet_diag, interfaces, packet_filter
from collectors.inotify_stream import OPEN, InotifyStream
from collectors.netlink_socket import DestroyedSockets, open_socket, received
from collectors.packet_filter import Loopback
from collectors.packet_headers import parse
from collectors.packet_tap import PacketTap
from collectors.process_cursor import LOOKS, NAP_S
from collectors.procfs import PF_FORKNOEXEC, Procfs

FILES, LINKS = ("cmdline", "environ", "cgroup"), ("exe", "cwd", "fd/0")
FLAGS, CODE = 6, 23
"""Fields of /proc/PID/stat, counted from its state on: what it is, and where its program's code begins."""


class Reads:
    """What wakes it, and what it then reads."""

    def __init__(self, app: int) -> None:
        self._app = app
        self._procfs = Procfs()
        self._last = self._procfs.last_pid()
        self._poll = select.epoll()
        self._work: dict[int, Callable[[], None]] = {}
        self._opens = InotifyStream()
        for path, is_directory in (("usr/bin", True), ("etc/ld.so.cache", False)):
            place = os.open(f"/proc/{app}/root/{path}", os.O_PATH)
            self._opens.add(place, OPEN, is_directory=is_directory)
            os.close(place)
        loopback = Loopback(interfaces.loopback())
        self._openings = PacketTap(packet_filter.openings(loopback))
        self._answers = PacketTap(packet_filter.answers(loopback))
        self._ends = DestroyedSockets(self._procfs)
        self._questions = open_socket()
        self._wake(self._opens.fileno(), self._opened)
        self._wake(self._openings.fileno(), self._connected)
        self._wake(self._ends.fileno(), self._closed)

    def go_on(self) -> None:
        """Until the end of time."""
        while True:
            for descriptor, _ in self._poll.poll():
                if (work := self._work.get(descriptor)) is not None:
                    work()

    def _wake(self, descriptor: int, work: Callable[[], None]) -> None:
        self._poll.register(descriptor, select.EPOLLIN)
        self._work[descriptor] = work

    def _opened(self) -> None:
        newest = self._procfs.last_pid()
        for pid in range(self._last + 1, newest + 1):
            self._look_at(pid)
        self._last = newest
        os.read(self._opens.fileno(), 65_536)  # with the loader's open, which has come meanwhile

    def _look_at(self, pid: int) -> None:
        if not runs_its_own(pid):
            return
        try:
            for name in FILES:
                read(f"/proc/{pid}/{name}")
            for name in LINKS:
                os.readlink(f"/proc/{pid}/{name}")
            os.stat(f"/proc/{pid}")
            pidfd = os.pidfd_open(pid)
        except OSError:
            return
        self._wake(pidfd, partial(self._ended, pidfd, pid))

    def _ended(self, pidfd: int, pid: int) -> None:
        read(f"/proc/{pid}/stat")
        del self._work[pidfd]
        os.close(pidfd)

    def _connected(self) -> None:
        while (packet := self._openings.receive()) is not None:
            self._find_owner(packet.data)

    def _find_owner(self, packet: bytes) -> None:
        if (asked := parse(packet)) is None:
            return
        ends = (asked.src, asked.src_port), (asked.dst, asked.dst_port)
        self._questions.send(inet_diag.exact_request(asked.family, inet_diag.TCP, *ends))
        sockets = {f"socket:[{found.inode}]" for found in received(self._questions).sockets}
        with suppress(FileNotFoundError):  # closed by now
            for number in os.listdir(f"/proc/{self._app}/fd"):
                if os.readlink(f"/proc/{self._app}/fd/{number}") in sockets:
                    return

    def _closed(self) -> None:
        while self._ends.receive() is not None:
            while self._answers.receive() is not None:
                pass


def runs_its_own(pid: int) -> bool:
    """Looks at a new process until it runs a program of its own; whether it came to that before it ended."""
    for _ in range(LOOKS):
        stat = read(f"/proc/{pid}/stat")
        if not stat:
            return False
        fields = stat[stat.rindex(b")") + 2 :].split()
        if not int(fields[FLAGS]) & PF_FORKNOEXEC and fields[CODE] != b"0":
            return True
        time.sleep(NAP_S)
    return False


def read(path: str) -> bytes:
    """Up to 8 KiB of a file; nothing of what is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 8192)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def found(mark: bytes) -> int:
    """The PID of the process whose arguments hold the mark, once it is there."""
    while True:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if int(pid) != os.getpid() and mark in read(f"/proc/{pid}/cmdline"):
                return int(pid)
        time.sleep(0.1)


if __name__ == "__main__":
    Reads(found(sys.argv[1].encode())).go_on()
