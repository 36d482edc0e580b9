"""The kernel's own counts of sockets: while they stand still, a dump would show nothing new.

A dump walks the kernel's whole hash table of connections, which is large and cold in the cache even where it is empty;
these counts are three short files.
"""

from itertools import chain

from collectors.procfs import Procfs
from sensor.model.errors import AccessDenied, ProcessGone

_OPENED = (b"ActiveOpens", b"PassiveOpens", b"CurrEstab")

MOST = 16_384
"""Bytes of one of these files, at most."""

Counts = tuple[bytes, ...]


def counts(procfs: Procfs) -> Counts | None:
    """Connections opened each way since boot and established now, and sockets in use, TCP and UDP, IPv4 and IPv6.

    From /proc/net/{snmp,sockstat,sockstat6}, for the network namespace (RFC 1213 for the first, net/ipv4/proc.c). None
    where they cannot be read.
    """
    try:
        opened = _opened(procfs.record("net/snmp", MOST))
        in_use = (_in_use(procfs.record(f"net/{name}", MOST)) for name in ("sockstat", "sockstat6"))
        return (*opened, *chain.from_iterable(in_use))
    except (ProcessGone, AccessDenied, ValueError):
        return None


def _opened(snmp: bytes) -> Counts:
    """The file has a line of names and a line of values for each protocol."""
    names, values = (line.split() for line in snmp.splitlines() if line.startswith(b"Tcp:"))
    return tuple(values[names.index(name)] for name in _OPENED)


def _in_use(sockstat: bytes) -> Counts:
    """The whole line up to the number in use: other numbers in it change with every packet."""
    return tuple(
        b" ".join(line.split()[:3]) for line in sockstat.splitlines() if line.startswith((b"TCP", b"UDP:", b"UDP6:"))
    )
