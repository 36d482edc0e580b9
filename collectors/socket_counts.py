"""The kernel's own counts of sockets: while they stand still, a dump would show nothing new; and what went by unread.

A dump walks the kernel's whole hash table of connections, which is large and cold in the cache even where it is empty;
these counts are three short files.
"""

from itertools import chain
from typing import NamedTuple

from collectors.procfs import Procfs
from sensor.model.errors import AccessDenied, ProcessGone

_OPENED = (b"ActiveOpens", b"PassiveOpens", b"CurrEstab")
_ATTEMPTED = (*_OPENED, b"OutRsts")
_DATAGRAMS = (b"InDatagrams", b"OutDatagrams")

MOST = 16_384
"""Bytes of one of these files, at most."""

Counts = tuple[bytes, ...]


def counts(procfs: Procfs) -> Counts | None:
    """Connections opened each way since boot and established now, and sockets in use, TCP and UDP, IPv4 and IPv6.

    From /proc/net/{snmp,sockstat,sockstat6}, for the network namespace (RFC 1213 for the first, net/ipv4/proc.c). None
    where they cannot be read.
    """
    try:
        came = _values(procfs.record("net/snmp", MOST), b"Tcp:", _OPENED)
        in_use = (_in_use(procfs.record(f"net/{name}", MOST)) for name in ("sockstat", "sockstat6"))
        return (*came, *chain.from_iterable(in_use))
    except (ProcessGone, AccessDenied, ValueError):
        return None


class Opened(NamedTuple):
    """How many there were since boot, at least: TCP connections, UDP datagrams either way, and of the connections those
    that are not established any more, or never were."""

    connections: int
    datagrams: int
    over: int


def opened(procfs: Procfs) -> Opened | None:
    """What the kernel counts of connections, opened or refused, and of datagrams. None where it cannot be read.

    From /proc/net/{snmp,snmp6}; TCP's numbers are of IPv4 and IPv6 together. Not counted are connections from outside
    that are never completed.
    """
    try:
        snmp = procfs.record("net/snmp", MOST)
        datagrams = sum(map(int, _values(snmp, b"Udp:", _DATAGRAMS))) + _datagrams6(procfs)
        active, passive, established, refused = map(int, _values(snmp, b"Tcp:", _ATTEMPTED))
        return Opened(active + passive + refused, datagrams, active + passive - established)
    except (ProcessGone, AccessDenied, ValueError):
        return None


def _datagrams6(procfs: Procfs) -> int:
    """None are counted where the kernel has no IPv6."""
    try:
        lines = procfs.record("net/snmp6", MOST).splitlines()
    except ProcessGone:
        return 0
    counted = dict(line.split()[:2] for line in lines if line.startswith(b"Udp6"))
    return sum(int(counted.get(b"Udp6" + name, 0)) for name in _DATAGRAMS)


def _values(snmp: bytes, protocol: bytes, wanted: tuple[bytes, ...]) -> Counts:
    """The file has a line of names and a line of values for each protocol."""
    names, values = (line.split() for line in snmp.splitlines() if line.startswith(protocol))
    return tuple(values[names.index(name)] for name in wanted)


def _in_use(sockstat: bytes) -> Counts:
    """The whole line up to the number in use: other numbers in it change with every packet."""
    return tuple(
        b" ".join(line.split()[:3]) for line in sockstat.splitlines() if line.startswith((b"TCP", b"UDP:", b"UDP6:"))
    )
