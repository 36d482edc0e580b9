"""Addresses in networks, as numbers: an address is read once for each test, and no object is made of it."""

from collections.abc import Callable, Sequence
from ipaddress import ip_network
from socket import AF_INET, AF_INET6, inet_pton


def network_test(networks: Sequence[str]) -> Callable[[str], bool]:
    """Whether a text is an address in one of the networks (CIDR). An IPv4 address in IPv6's clothes is an IPv4 one."""
    spans = [(net.version, int(net.network_address), int(net.broadcast_address)) for net in map(ip_network, networks)]

    def inside(text: str) -> bool:
        version, number = _address(text)
        return any(version == of and first <= number <= last for of, first, last in spans)

    return inside


def _address(text: str) -> tuple[int, int]:
    """Its version and its number; version 0 for what is none."""
    try:
        if ":" not in text:
            return 4, int.from_bytes(inet_pton(AF_INET, text), "big")
        raw = inet_pton(AF_INET6, text)
    except (OSError, ValueError):
        return 0, 0
    if raw[:12] == b"\0" * 10 + b"\xff\xff":
        return 4, int.from_bytes(raw[12:], "big")
    return 6, int.from_bytes(raw, "big")
