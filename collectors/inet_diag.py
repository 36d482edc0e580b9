"""The NETLINK_SOCK_DIAG wire for TCP and UDP: requests, and a decoder that no bytes can make raise or loop.

Layouts are the kernel's: include/uapi/linux/{netlink,sock_diag,inet_diag,tcp}.h; what is asked and answered is
net/ipv4/inet_diag.c and net/core/sock_diag.c, in words sock_diag(7). Numbers are in the machine's byte order,
ports and addresses in the network's.
"""

import socket
import struct
from typing import NamedTuple

SOCK_DIAG_BY_FAMILY = 20
NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE, NLMSG_OVERRUN = 1, 2, 3, 4
NLM_F_REQUEST = 0x001
NLM_F_DUMP = 0x300

TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
FAMILIES = (socket.AF_INET, socket.AF_INET6)

ESTABLISHED, SYN_SENT, SYN_RECV, FIN_WAIT1, FIN_WAIT2, TIME_WAIT = 1, 2, 3, 4, 5, 6
CLOSE, CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING = 7, 8, 9, 10, 11
"""States of sockets (include/net/tcp_states.h). UDP knows ESTABLISHED (connected) and CLOSE (not connected)."""

DESTROY_GROUPS = 0xF
"""The multicast groups of destroyed TCP and UDP sockets, IPv4 and IPv6, as a mask (enum sknetlink_groups)."""

_INFO, _PROTOCOL = 2, 10  # INET_DIAG_INFO, INET_DIAG_PROTOCOL
_ANY_COOKIE = b"\xff" * 8  # INET_DIAG_NOCOOKIE twice
_NO_ADDRESS = bytes(16)
MAPPED = bytes(10) + b"\xff\xff"
"""How an IPv4 address mapped into IPv6 begins: ::ffff:0:0/96, RFC 4291."""

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port id
_REQUEST = struct.Struct("=BBBxI")  # inet_diag_req_v2 without its socket id
_ENDS = struct.Struct("!HH16s16s")  # inet_diag_sockid: ports, addresses
_MESSAGE = struct.Struct("=16x4BHH16s16sIQ5I")  # nlmsghdr and inet_diag_msg
_ATTRIBUTE = struct.Struct("=HH")  # nlattr: length, type
_ERROR = struct.Struct("=i")

# tcp_info grew at its end, so its length says what it has.
_INFO_RTT = struct.Struct("=68xI28xI")  # rtt, total_retrans
_INFO_BYTES = struct.Struct("=120xQQ")  # bytes_acked, bytes_received: Linux 4.1
_INFO_SENT = struct.Struct("=200xQQ")  # bytes_sent, bytes_retrans: Linux 4.19


class TcpInfo(NamedTuple):
    """What is used of struct tcp_info; None where this kernel's is too short for it.

    `bytes_acked` and `bytes_received` count a SYN or FIN as one byte each, `bytes_sent` counts payload only,
    what was sent again (`bytes_retransmitted`) included.
    """

    rtt_us: int | None = None
    retransmits: int | None = None
    bytes_acked: int | None = None
    bytes_received: int | None = None
    bytes_sent: int | None = None
    bytes_retransmitted: int | None = None


class InetSocket(NamedTuple):
    """One socket as the kernel describes it. Addresses are 16 bytes: see `address_bytes`.

    `cookie` names the socket for its whole life and is never used again. `inode` is 0 while nobody has accepted the
    connection, and once no descriptor is left. `protocol` and `info` are None where they were not sent.
    """

    family: int
    state: int
    src_port: int
    dst_port: int
    src: bytes
    dst: bytes
    interface: int
    cookie: int
    receive_queue: int
    send_queue: int
    uid: int
    inode: int
    protocol: int | None = None
    info: TcpInfo | None = None


class Decoded(NamedTuple):
    """What one datagram held. `error` is an errno, 0 for none; `done` the end of a dump; `overrun` a loss."""

    sockets: list[InetSocket]
    done: bool = False
    error: int = 0
    overrun: bool = False
    malformed: int = 0


def state_mask(*states: int) -> int:
    """The bits that ask for sockets in these states."""
    return sum(1 << state for state in states)


def dump_request(family: int, protocol: int, states: int, *, info: bool = False, sequence: int = 1) -> bytes:
    """Asks for all sockets of a family and protocol in the states of the mask, with tcp_info if wanted."""
    body = _REQUEST.pack(family, protocol, _extensions(info), states) + bytes(48)
    return _HEADER.pack(16 + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, sequence, 0) + body


def exact_request(
    family: int,
    protocol: int,
    src: tuple[bytes, int],
    dst: tuple[bytes, int] = (_NO_ADDRESS, 0),
    *,
    info: bool = False,
    sequence: int = 1,
) -> bytes:
    """Asks for the one TCP socket with these ends (address bytes, port), or else the listener that serves `src`.

    UDP takes the ends the other way round, as those of an incoming packet (net/ipv4/udp_diag.c).
    """
    ends = _ENDS.pack(src[1], dst[1], src[0], dst[0]) + bytes(4) + _ANY_COOKIE
    body = _REQUEST.pack(family, protocol, _extensions(info), 0xFFFFFFFF) + ends
    return _HEADER.pack(16 + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, sequence, 0) + body


def decode(data: bytes) -> Decoded:
    """All messages of one datagram.

    A message that is too short or whose attributes overlap is counted in `malformed` and passed over; a length that
    leaves the datagram ends it, since nothing after it can be trusted. Every step moves on by 16 bytes or more.
    """
    sockets: list[InetSocket] = []
    done, error, overrun, malformed = False, 0, False, 0
    offset, size = 0, len(data)
    while offset < size:
        if size - offset < 16:
            malformed += 1
            break
        length, kind = _HEADER.unpack_from(data, offset)[:2]
        end = offset + length
        if length < 16 or end > size:
            malformed += 1
            break
        if kind == SOCK_DIAG_BY_FAMILY:
            found = _socket(data, offset, end)
            if found is not None:
                sockets.append(found)
            else:
                malformed += 1
        elif kind in (NLMSG_DONE, NLMSG_ERROR):
            done = True
            error = error or _errno(data, offset + 16, end)
        elif kind == NLMSG_OVERRUN:
            overrun = True
        elif kind != NLMSG_NOOP:
            malformed += 1
        offset = (end + 3) & ~3
    return Decoded(sockets, done, error, overrun, malformed)


def address_bytes(text: str) -> bytes:
    """An address as 16 bytes: an IPv4 one in the first four, the rest zeros, as struct inet_diag_sockid has it."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    return socket.inet_pton(family, text).ljust(16, b"\0")


def address_text(family: int, raw: bytes) -> str:
    """The address for people; one mapped into IPv6 is shown as the IPv4 address that it is."""
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, raw[:4])
    if raw.startswith(MAPPED):
        return socket.inet_ntop(socket.AF_INET, raw[12:])
    return socket.inet_ntop(socket.AF_INET6, raw)


def unmapped(family: int, raw: bytes) -> tuple[int, bytes]:
    """The family and address that are on the wire: an address mapped into IPv6 is an IPv4 one."""
    if family == socket.AF_INET6 and raw.startswith(MAPPED):
        return socket.AF_INET, raw[12:] + bytes(12)
    return family, raw


def is_loopback(family: int, raw: bytes) -> bool:
    """Whether the address is in 127.0.0.0/8, mapped into IPv6 or not, or is ::1."""
    if family == socket.AF_INET:
        return raw[0] == 127
    return raw == b"\0" * 15 + b"\1" or (raw[12] == 127 and raw.startswith(MAPPED))


def is_unspecified(raw: bytes) -> bool:
    """Whether there is no address: 0.0.0.0, :: or the mapped 0.0.0.0."""
    return raw in (_NO_ADDRESS, MAPPED + bytes(4))


def _extensions(info: bool) -> int:
    return 1 << (_INFO - 1) if info else 0


def _socket(data: bytes, start: int, end: int) -> InetSocket | None:
    """The inet_diag_msg in a message, None if it is none."""
    if end - start < _MESSAGE.size:
        return None
    (
        family, state, _timer, _retrans, src_port, dst_port, src, dst,
        interface, cookie, _expires, receive_queue, send_queue, uid, inode,
    ) = _MESSAGE.unpack_from(data, start)  # fmt: skip
    if family not in FAMILIES:
        return None
    protocol = info = None
    at = start + _MESSAGE.size
    while end - at >= 4:
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < 4 or length > end - at:
            return None
        if kind == _INFO:
            info = _tcp_info(data[at + 4 : at + length])
        elif kind == _PROTOCOL and length > 4:
            protocol = data[at + 4]
        at += (length + 3) & ~3
    return InetSocket(
        family, state, socket.ntohs(src_port), socket.ntohs(dst_port), src, dst,
        interface, cookie, receive_queue, send_queue, uid, inode, protocol, info,
    )  # fmt: skip


def _tcp_info(data: bytes) -> TcpInfo:
    size = len(data)
    rtt, retransmits = _INFO_RTT.unpack_from(data) if size >= _INFO_RTT.size else (None, None)
    acked, received = _INFO_BYTES.unpack_from(data) if size >= _INFO_BYTES.size else (None, None)
    sent, again = _INFO_SENT.unpack_from(data) if size >= _INFO_SENT.size else (None, None)
    return TcpInfo(rtt, retransmits, acked, received, sent, again)


def _errno(data: bytes, start: int, end: int) -> int:
    """The errno in NLMSG_ERROR or NLMSG_DONE, which carry it negative; a missing one is none."""
    return -_ERROR.unpack_from(data, start)[0] if end - start >= 4 else 0
