"""Which sockets are the sensor's own, so that no event tells of them.

A destroyed socket has no inode any more, and short ones are gone before any look at /proc/self/fd. So each socket is
remembered when this process connects or binds it: Python raises an audit event then (sys.addaudithook), and the
kernel tells its cookie (SO_COOKIE), which the sock_diag messages carry too, and its inode, which /proc/net shows.
Sockets that C code opens by itself are found only while they are open, among our descriptors; the resolver's also by
the names that it asks for.
"""

import os
import socket
import struct
import sys
import time
from collections import OrderedDict
from contextlib import suppress

from collectors.procfs import Procfs
from collectors.socket_links import socket_inodes
from collectors.socket_table import Ends
from sensor.model.errors import AccessDenied, ProcessGone

SO_COOKIE = 57
"""getsockopt(2) at SOL_SOCKET, Linux 4.6; include/uapi/asm-generic/socket.h."""
MOST = 4096
"""Cookies that are remembered, and inodes; the oldest give way."""

ASKED_S = 15.0
"""So long a name that this process resolves is remembered: the resolver tries for as long (resolv.conf(5))."""
MOST_NAMES = 16
RESOLV_CONF = "/etc/resolv.conf"
MOST_BYTES = 16_384
"""Of that file."""

_EVENTS = frozenset({"socket.connect", "socket.bind", "socket.getaddrinfo"})
_INET = (socket.AF_INET, socket.AF_INET6)

_cookies: OrderedDict[int, None] = OrderedDict()
_inodes: OrderedDict[int, None] = OrderedDict()
_names: OrderedDict[str, float] = OrderedDict()
"""What this process resolves, and when it asked (monotonic). All three are of the whole process, like the audit hook
that fills them, which can never be taken out again. Ordered, because `popitem` is one step for other threads too."""


class OwnSockets:
    """The sockets of this process, by cookie and, while they are open, by inode."""

    _hooked = False

    def __init__(self, procfs: Procfs, resolv_conf: str = RESOLV_CONF) -> None:
        """`resolv_conf` is the file of our own resolver."""
        self._procfs = procfs
        self._resolv_conf = resolv_conf
        self._inodes: frozenset[int] = frozenset()
        self._asking: OrderedDict[Ends, float] = OrderedDict()

    def watch(self) -> None:
        """From now on learn of every socket that Python code of this process connects or binds."""
        if not OwnSockets._hooked:
            OwnSockets._hooked = True
            sys.addaudithook(_learn)

    def look(self) -> None:
        """See which sockets are among our descriptors now."""
        with suppress(ProcessGone, AccessDenied):  # then those of the last look count
            self._inodes = frozenset(socket_inodes(self._procfs, os.getpid()))

    def has_cookie(self, cookie: int) -> bool:
        """Whether the socket is or was ours."""
        return cookie in _cookies

    def asks_for(self, name: str) -> bool:
        """Whether this process resolves the name, or one that a search domain makes of it, at the moment."""
        now = time.monotonic()
        asked = [host for host, at in list(_names.items()) if now - at < ASKED_S]
        added = {name[len(host) + 1 :] for host in asked if name.startswith(host + ".")}
        return name in asked or not added.isdisjoint(self._search_domains() if added else ())

    def _search_domains(self) -> frozenset[str]:
        """What our resolver adds to a name, by resolv.conf(5); where it says nothing, the domain of the host's name."""
        try:
            with open(self._resolv_conf, "rb") as file:
                lines = [line.split() for line in file.read(MOST_BYTES).lower().splitlines()]
        except OSError:
            lines = []
        said = [line[1:] for line in lines if line[:1] in ([b"search"], [b"domain"])]
        found = said[-1] if said else [socket.gethostname().partition(".")[2].lower().encode()]
        return frozenset(domain.rstrip(b".").decode("ascii", "replace") for domain in found)

    def asked_from(self, ends: Ends) -> None:
        """A socket with these ends, perhaps gone by now, has asked for such a name."""
        self._asking[ends] = time.monotonic()
        if len(self._asking) > MOST_NAMES:
            self._asking.popitem(last=False)

    def has_asked(self, ends: Ends) -> bool:
        """Whether a socket that has ended was one of those; told once, for its port may be another's next."""
        at = self._asking.pop(ends, None)
        return at is not None and time.monotonic() - at < ASKED_S

    def has_inode(self, inode: int) -> bool:
        """Whether the socket was among our descriptors at the last `look`, or was connected or bound by Python code."""
        return inode in self._inodes or inode in _inodes


def _learn(event: str, args: tuple[object, ...]) -> None:
    """Called for every audit event of the process, so it is quick, and must not raise: that would fail the call."""
    if event not in _EVENTS:
        return
    ours = args[0]
    if event == "socket.getaddrinfo":
        _learn_name(ours)
        return
    if not isinstance(ours, socket.socket) or ours.family not in _INET:
        return
    with suppress(OSError):  # a kernel without SO_COOKIE, or a socket closed meanwhile: then `look` has to find it
        _remember(_inodes, os.fstat(ours.fileno()).st_ino)
        _remember(_cookies, struct.unpack("=Q", ours.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0])


def _remember(numbers: OrderedDict[int, None], number: int) -> None:
    numbers[number] = None
    if len(numbers) > MOST:
        numbers.popitem(last=False)


def _learn_name(host: object) -> None:
    """What the resolver, which is C code, will ask for by sockets of its own."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not isinstance(host, str) or not host:
        return
    _names[host.rstrip(".").lower()] = time.monotonic()
    if len(_names) > MOST_NAMES:
        _names.popitem(last=False)
