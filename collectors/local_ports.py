"""Which ports the kernel hands out by itself."""

from collectors.procfs import Procfs
from sensor.model.errors import AccessDenied, ProcessGone

DEFAULT = range(32_768, 61_000)
"""The kernel's own (net/ipv4/af_inet.c)."""


def ephemeral(procfs: Procfs) -> range:
    """The range for sockets that are not bound to a port (ip(7)); `DEFAULT` where it cannot be read."""
    try:
        first, last = procfs.read("sys/net/ipv4/ip_local_port_range", 64).split()
        return range(int(first), int(last) + 1)
    except (ProcessGone, AccessDenied, ValueError):
        return DEFAULT
