"""Ranges of addresses as users write them."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple


class Range(NamedTuple):
    """Addresses, and the port where one was named."""

    network: IPv4Network | IPv6Network
    port: int | None = None

    def has(self, address: str, port: int | None) -> bool:
        """Whether an address and port lie in it; a text that is no address does not."""
        if self.port not in (None, port):
            return False
        try:
            return ip_address(address) in self.network
        except ValueError:
            return False


def parse_range(text: str) -> Range:
    """`10.0.0.0/8`, `10.1.2.3:443`, `[2001:db8::]/32`, `[2001:db8::1]:443`. Raises ValueError saying what is wrong."""
    address, colon, tail = text.rpartition(":")
    if not colon or not (tail.isascii() and tail.isdecimal()) or (":" in address and "]" not in address):
        return Range(ip_network(_bare(text)))
    if not 1 <= int(tail) <= 65535:
        raise ValueError(f"{tail} is no port")
    return Range(ip_network(_bare(address)), int(tail))


def _bare(text: str) -> str:
    return text.replace("[", "").replace("]", "")
