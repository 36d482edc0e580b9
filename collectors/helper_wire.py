"""What the sensor and its helper processes say to each other: fixed questions over a SOCK_SEQPACKET pair.

A question is `QUESTION`: one letter, a PID, the start ticks that make the PID unambiguous, and two numbers that only
`HOLDS` and `OPENINGS` (device, inode) and `SOCKETS` (the inode that is sought, the most links to read) use. An answer
is one status byte and a payload; `ROOT` and `EXE_FILE` pass a descriptor along, and of the environment only what
`collectors.environ` names is answered, and to `SECRETS` only names. `LINKS` is answered with the fields of
`procfs.ProgramLinks` and a zero byte between them.
"""

import array
import socket
import struct

QUESTION = struct.Struct("<cIQQQ")
SPAWN = struct.Struct("<II")
"""To the launcher: the uid and gid of a helper to be made. It answers with the same, so
that a late answer is not taken for another's, a status, and the helper's socket and pidfd."""
TRACE = SPAWN.pack(0xFFFF_FFFF, 0xFFFF_FFFF)
"""Instead of a helper, whose uid this cannot be (setresuid(2)): a tracer. What is passed is its socket, its pidfd and
its pipe."""
MOST_PASSED = 3

LINKS, ROOT, SOCKETS, HOLDS, ENVIRON, EXE_FILE = b"l", b"r", b"s", b"h", b"e", b"f"
OPENINGS, SECRETS = b"o", b"n"

OK, GONE, DENIED, FAILED = b"+", b"0", b"-", b"!"
"""Statuses; `FAILED` carries the reason as text."""

INODE = struct.Struct("<Q")
"""One number in the answer to `SOCKETS`: how many links were read, then the inodes that were met."""

OPENING = struct.Struct("<IIQQq")
"""One descriptor in the answer to `OPENINGS`: the fields of `protocols.OpenFile`."""

MOST_SOCKETS = 8192
"""Sockets of one process that an answer has room for."""
MOST_OPENINGS = 64
"""Descriptors of one file in one process that are told."""
ANSWER_BYTES = 1 + (1 + MOST_SOCKETS) * INODE.size


def receive(sock: socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:
    """One answer, and the descriptors that were passed with it. No program that we start inherits these: a root that a
    new launcher held would stay busy (`socket.recv_fds` hands no flags on). Raises OSError."""
    descriptors = array.array("i")
    room = socket.CMSG_LEN(most * descriptors.itemsize)
    answer, beside, _, _ = sock.recvmsg(size, room, socket.MSG_CMSG_CLOEXEC)
    for _, _, passed in beside:  # nothing else is passed on these
        descriptors.frombytes(passed)
    return answer, descriptors.tolist()
