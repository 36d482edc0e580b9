"""A loop that reads of the kernel what a sensor has to read at once, and does nothing with it: what that costs by
itself, in this language.

`python busy_floor.py MARK`, in a task's namespaces with SYS_PTRACE, watches the process whose arguments hold the mark,
until it is killed. Opens of programs, ends of processes, packets and destroyed sockets wake it as they wake the sensor,
of which it has the sockets. Of a new process it reads what the sensor reads while it lives; of a connection which
descriptor of the watched process it is. It keeps nothing, decodes what it needs to go on, makes no event, asks no rule
and sends nothing.
"""

import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from collectors import interfaces, packet_filter
from collectors.inotify_stream import InotifyStream
from collectors.netlink_socket import DestroyedSockets
from collectors.packet_filter import Loopback
from collectors.packet_tap import PacketTap
from collectors.procfs import Procfs

OPEN = 0x20
"""IN_OPEN of inotify(7)."""
LOOKS, NAP_S = 16, 1e-6
"""As `process_cursor` looks at a process that is about to run its program."""
FILES = ("cmdline", "environ", "cgroup")
FLAGS, CODE = 6, 23
"""Fields of /proc/PID/stat, counted from its state on: what it is, and where its program's code begins."""
NO_EXEC = 0x40
"""PF_FORKNOEXEC: it runs its parent's program."""
_REQUEST = struct.Struct("=IHHII BBBBI 2s2s 4s12x 4s12x III")
"""struct nlmsghdr and struct inet_diag_req_v2 (sock_diag(7)), for IPv4 and TCP."""
_INODE_AT = 16 + 68


class Reads:
    """What wakes it, and what it then reads."""

    def __init__(self, app: int) -> None:
        self._app = app
        self._last = last_pid()
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
        self._ends = DestroyedSockets(Procfs())
        self._sockets = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 4)
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
        newest = last_pid()
        for pid in range(self._last + 1, newest + 1):
            self._look_at(pid)
        self._last = newest
        os.read(self._opens.fileno(), 65_536)  # with the loader's open, which has come meanwhile

    def _look_at(self, pid: int) -> None:
        if not runs_its_own(pid):
            return
        try:
            pidfd = os.pidfd_open(pid)
            for name in FILES:
                read(f"/proc/{pid}/{name}")
            os.readlink(f"/proc/{pid}/exe"), os.readlink(f"/proc/{pid}/cwd"), os.stat(f"/proc/{pid}")
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
        ports, ends = packet[20:24], packet[12:20]
        family, protocol, all_states, no_cookie = socket.AF_INET, socket.IPPROTO_TCP, 0xFFF, 0xFFFFFFFF
        header = _REQUEST.size, 20, 1, 0, 0  # SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST
        wanted = family, protocol, 0, 0, all_states, ports[:2], ports[2:], ends[:4], ends[4:], 0, no_cookie, no_cookie
        self._sockets.send(_REQUEST.pack(*header, *wanted))
        inode = struct.unpack_from("=I", self._sockets.recv(8192), _INODE_AT)[0]
        with suppress(FileNotFoundError):  # closed by now
            for number in os.listdir(f"/proc/{self._app}/fd"):
                if os.readlink(f"/proc/{self._app}/fd/{number}") == f"socket:[{inode}]":
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
        if not int(fields[FLAGS]) & NO_EXEC and fields[CODE] != b"0":
            return True
        time.sleep(NAP_S)
    return False


def last_pid() -> int:
    """The newest process number."""
    return int(read("/proc/loadavg").split()[4])


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
