"""The network interfaces of this namespace, and the kernel's notice when one comes or goes (rtnetlink(7))."""

import errno
import socket

LOOPBACK = "lo"
MOST = 16
"""Interfaces that are followed one by one. A task has two or three; a machine that runs containers has many."""
EVERY = 0
"""The number that stands for all interfaces, as bind(2) of a packet socket takes it."""
_RTMGRP_LINK = 1
_NOTICE_BYTES = 65_536


class Interfaces:
    """Which there are, and a descriptor that can be read when that may have changed."""

    def __init__(self) -> None:
        """Where the kernel tells no changes, all interfaces are followed as one."""
        self._notices: socket.socket | None = None
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        try:
            self._notices = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
            self._notices.bind((0, _RTMGRP_LINK))
        except OSError:
            self.close()

    def fileno(self) -> int | None:
        """The descriptor to wait on; None where there are no notices."""
        return None if self._notices is None else self._notices.fileno()

    def numbers(self) -> set[int]:
        """Of each interface that is there; `EVERY` alone where that is not known, or they are too many."""
        if self._notices is None:
            return {EVERY}
        try:
            numbers = {number for number, _name in socket.if_nameindex()}
        except OSError:
            return {EVERY}
        return numbers if 0 < len(numbers) <= MOST else {EVERY}

    def take_notices(self) -> None:
        """Read what waits: what it says is asked for anew."""
        if self._notices is None:
            return
        while True:
            try:
                self._notices.recv(_NOTICE_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # some did not fit: they would have said the same
                    raise

    def close(self) -> None:
        """Release the descriptor. Safe to call twice."""
        if self._notices is not None:
            self._notices.close()
            self._notices = None


def loopback() -> int:
    """The number of `lo`."""
    return socket.if_nametoindex(LOOPBACK)
