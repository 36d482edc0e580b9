"""The tables /proc/net/{tcp,tcp6,udp,udp6} as sockets: a parser that no bytes can make raise.

Their lines are made by get_tcp4_sock, get_tcp6_sock, udp4_format_sock and ip6_dgram_sock_seq_show in the kernel's
net/ipv4/{tcp_ipv4,udp}.c and net/ipv6/{tcp_ipv6,datagram}.c; in words, proc_pid_net(5). Ports are plain numbers. An
address is one 32-bit word, or four, each read from memory as a number of this machine: 127.0.0.1 is 0100007F where the
lowest byte comes first and 7F000001 where the highest does.
"""

import re
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

from collectors.inet_diag import TCP, UDP, Decoded, InetSocket

NAMES: Mapping[tuple[int, int], str] = {
    (socket.AF_INET, TCP): "net/tcp",
    (socket.AF_INET6, TCP): "net/tcp6",
    (socket.AF_INET, UDP): "net/udp",
    (socket.AF_INET6, UDP): "net/udp6",
}
"""The file of each family and protocol, below /proc."""

ByteOrder = Literal["little", "big"]

_WORDS = {socket.AF_INET: 1, socket.AF_INET6: 4}
_ENDS = rb" *\d+: ([0-9A-F]{%d}):([0-9A-F]{4}) ([0-9A-F]{%d}):([0-9A-F]{4}) "
_REST = (
    rb"([0-9A-F]{2}) "  # state
    rb"([0-9A-F]{8,16}):([0-9A-F]{8,16}) "  # send and receive queue
    rb"[0-9A-F]{2}:[0-9A-F]{8,16} [0-9A-F]{8,16} +"  # timer and when, retransmits
    rb"(\d{1,10}) +-?\d{1,10} (\d{1,20}) "  # uid, timeouts, inode
)
_LINES: Mapping[int, re.Pattern[bytes]] = {
    family: re.compile(_ENDS % (8 * words, 8 * words) + _REST) for family, words in _WORDS.items()
}
_HEADER = re.compile(rb" *sl +local_address ")


def decode(text: bytes, family: int, protocol: int, order: ByteOrder = sys.byteorder) -> Decoded:
    """The sockets in some whole lines, in every state; a line that is neither header nor socket counts in `malformed`.

    The tables have no cookies and no interfaces: both are 0. The inode is 0 where nobody has accepted the connection,
    and where no descriptor is left. `order` is that of the machine that wrote the text.
    """
    line_of = _LINES[family].match
    sockets: list[InetSocket] = []
    malformed = 0
    for line in text.splitlines():
        found = line_of(line)
        if found is None:
            malformed += bool(line.strip()) and not _HEADER.match(line)
            continue
        sockets.append(_socket(found.groups(), family, protocol, order))
    return Decoded(sockets, malformed=malformed)


def _socket(fields: Sequence[bytes], family: int, protocol: int, order: ByteOrder) -> InetSocket:
    src, src_port, dst, dst_port, state, send_queue, receive_queue, uid, inode = fields
    return InetSocket(
        family, int(state, 16), int(src_port, 16), int(dst_port, 16), _address(src, order), _address(dst, order),
        0, 0, int(receive_queue, 16), int(send_queue, 16), int(uid), int(inode), protocol,
    )  # fmt: skip


@lru_cache(maxsize=1024)  # one end is the task's own address, and peers come again
def _address(words: bytes, order: ByteOrder) -> bytes:
    """16 bytes as `inet_diag.address_bytes` gives them."""
    count = len(words) // 8
    numbers = struct.unpack(f">{count}I", bytes.fromhex(words.decode("ascii")))
    return struct.pack(f"{'<' if order == 'little' else '>'}{count}I", *numbers).ljust(16, b"\0")
