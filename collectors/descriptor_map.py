"""Which sockets a process holds, known from one look to the next, so that a look costs what has changed.

A busy server has a thousand descriptors, and reading a thousand links takes milliseconds; listing them takes a tenth
of that. A connection that was just made has a number that is new, or one that was free a moment ago: the kernel gives
the lowest free one, so numbers that changed lately are the ones that change next. These are read first; and before
anything is listed the one that comes next, since a connection may be over while a list is made.
"""

from collections import OrderedDict
from itertools import count
from typing import NamedTuple

from collectors.procfs import Procfs
from collectors.socket_links import socket_inode
from sensor.model.errors import ProcessGone

LATELY = 32
"""So many of the numbers that were read last are read again in every look that has not found its socket."""
MOST_MAPS = 256
"""Processes whose descriptors are kept in mind; for the others each look is the first."""

Key = tuple[int, int]
"""A process: its PID and start ticks."""


class Look(NamedTuple):
    """The inodes of the sockets that a look has met, and how many links it read."""

    inodes: list[int]
    links: int


class DescriptorMap:
    """The descriptors of one process: number → inode of its socket, 0 for what is none; read last comes last."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._next: int | None = None
        """The number that the next socket has, where it is as the last: that one's, or the lowest that was free."""

    def look(self, procfs: Procfs, pid: int, wanted: int, most: int) -> Look:
        """Look for a socket, reading at most about `most` links. Raises ProcessGone or AccessDenied.

        What is left over comes first when the process is looked at again; of very many descriptors the first are listed
        (`procfs.MOST_LISTED`).
        """
        if self._is_next(procfs, pid, wanted):
            return Look([wanted], 1)
        numbers = set(procfs.descriptor_numbers(pid))
        for gone in self._known.keys() - numbers:
            del self._known[gone]
        found: list[int] = []
        links = 0
        for number in self._in_order(numbers):
            if links >= most:
                break
            links += 1
            if inode := self._read(procfs, pid, number):
                found.append(inode)
            if inode == wanted:
                self._next = number
                break
        else:
            self._next = next(number for number in count() if number not in self._known)
        return Look(found, links)

    def _is_next(self, procfs: Procfs, pid: int, wanted: int) -> bool:
        """Whether the socket has the number that was to come: a program that makes one after another, and closes it,
        gives it to each."""
        if self._next is None:
            return False
        try:
            return socket_inode(procfs.link(f"{pid}/fd/{self._next}")) == wanted
        except ProcessGone:
            return False

    def _in_order(self, numbers: set[int]) -> list[int]:
        """New numbers, then those read last, then the others, the longest unread first."""
        new = sorted(numbers - self._known.keys(), reverse=True)
        known = list(self._known)
        return [*new, *reversed(known[-LATELY:]), *known[:-LATELY]]

    def _read(self, procfs: Procfs, pid: int, number: int) -> int:
        """The inode of the socket under this number, 0 where it is none."""
        self._known.pop(number, None)
        try:
            inode = socket_inode(procfs.link(f"{pid}/fd/{number}"))
        except ProcessGone:  # closed meanwhile
            return 0
        self._known[number] = inode
        return inode


class DescriptorMaps:
    """The maps of those processes that were looked at last."""

    def __init__(self) -> None:
        self._maps: OrderedDict[Key, DescriptorMap] = OrderedDict()

    def look(self, procfs: Procfs, key: Key, wanted: int, most: int) -> Look:
        """Look for a socket in a process. Raises ProcessGone or AccessDenied."""
        known = self._maps.pop(key, None) or DescriptorMap()
        found = known.look(procfs, key[0], wanted, most)
        self._maps[key] = known
        if len(self._maps) > MOST_MAPS:
            self._maps.popitem(last=False)
        return found
