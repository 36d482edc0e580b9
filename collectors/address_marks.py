"""What an address tells by itself: where it lies, and whether people who run Fargate look out for it.

Ranges: RFC 1918, 3927, 4193, 4291, 6598. Endpoints: the ECS task metadata and credential endpoint, the EKS Pod Identity
agent, and the instance metadata service, whose IPv6 addresses are Amazon's own.
"""

import socket

from collectors.inet_diag import MAPPED, address_bytes, is_loopback, is_unspecified

LOOPBACK, LINK_LOCAL, PRIVATE, PUBLIC, MULTICAST = "loopback", "link_local", "private", "public", "multicast"

TASK_METADATA, POD_IDENTITY, INSTANCE_METADATA = "task_metadata", "pod_identity", "instance_metadata"
DNS_BYPASS = "dns_bypass"

_ENDPOINTS = {
    address_bytes("169.254.170.2"): TASK_METADATA,
    address_bytes("169.254.170.23"): POD_IDENTITY,
    address_bytes("fd00:ec2::23"): POD_IDENTITY,
    address_bytes("169.254.169.254"): INSTANCE_METADATA,
    address_bytes("fd00:ec2::254"): INSTANCE_METADATA,
}


def endpoint(address: bytes) -> str | None:
    """The mark of an endpoint that hands out credentials; None for any other address (16 bytes)."""
    return _ENDPOINTS.get(address)


def scope(family: int, address: bytes) -> str | None:
    """Where the address (16 bytes) lies; None where there is none."""
    if is_unspecified(address):
        return None
    if is_loopback(family, address):
        return LOOPBACK
    if family == socket.AF_INET:
        return _scope4(address)
    return _scope4(address[12:]) if address.startswith(MAPPED) else _scope6(address)


def _scope4(address: bytes) -> str:
    first, second = address[0], address[1]
    if (first, second) == (169, 254):
        return LINK_LOCAL
    if first == 10 or (first, second) == (192, 168) or (first == 172 and second >> 4 == 1):
        return PRIVATE
    if first == 100 and second >> 6 == 1:
        return PRIVATE
    return MULTICAST if first >> 4 == 14 else PUBLIC


def _scope6(address: bytes) -> str:
    first, second = address[0], address[1]
    if first == 0xFE and second >> 6 == 2:
        return LINK_LOCAL
    if first >> 1 == 0x7E:
        return PRIVATE
    return MULTICAST if first == 0xFF else PUBLIC
