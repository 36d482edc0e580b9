"""Netlink messages as the kernel builds them, for tests of what reads them."""

import socket
import struct

from collectors.inet_diag import ESTABLISHED, NLMSG_DONE, NLMSG_ERROR, SOCK_DIAG_BY_FAMILY, address_bytes

ERROR = NLMSG_ERROR


def message(kind: int, body: bytes = b"") -> bytes:
    """A netlink message, padded to four bytes."""
    data = struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body
    return data + bytes(-len(data) % 4)


DONE = message(NLMSG_DONE, struct.pack("=i", 0))


def attribute(kind: int, value: bytes) -> bytes:
    """A netlink attribute, padded to four bytes."""
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def tcp_info(
    rtt: int = 0,
    total_retrans: int = 0,
    bytes_acked: int = 0,
    bytes_received: int = 0,
    bytes_sent: int = 0,
    bytes_retrans: int = 0,
) -> bytes:
    """A struct tcp_info of 280 bytes (Linux 6) with these fields set."""
    info = bytearray(280)
    struct.pack_into("=I", info, 68, rtt)
    struct.pack_into("=I", info, 100, total_retrans)
    struct.pack_into("=QQ", info, 120, bytes_acked, bytes_received)
    struct.pack_into("=QQ", info, 200, bytes_sent, bytes_retrans)
    return bytes(info)


def inet_message(
    *,
    family: int | None = None,
    state: int = ESTABLISHED,
    src: str = "192.0.2.1",
    src_port: int = 50000,
    dst: str = "192.0.2.9",
    dst_port: int = 443,
    interface: int = 0,
    cookie: int = 1,
    uid: int = 0,
    inode: int = 0,
    queues: tuple[int, int] = (0, 0),
    attributes: bytes = b"",
) -> bytes:
    """A sock_diag message with an inet_diag_msg; the family follows from `src` unless given."""
    if family is None:
        family = socket.AF_INET6 if ":" in src else socket.AF_INET
    body = struct.pack("=4B", family, state, 0, 0)
    body += struct.pack("!HH", src_port, dst_port) + address_bytes(src) + address_bytes(dst)
    body += struct.pack("=IQ5I", interface, cookie, 0, *queues, uid, inode)
    return message(SOCK_DIAG_BY_FAMILY, body + attributes)
