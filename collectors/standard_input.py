"""What tells a shell that is at the other end of a connection from all others: it reads its orders from a socket."""

import os

INTERNET = frozenset({b"tcp", b"mptcp", b"udp", b"sctp", b"dccp", b"raw"})
"""By the kernel's names in small letters, without the `v6` behind some (net/*, `struct proto`). What is no more than a
socket of two processes here, such as Node.js gives to each of its children, is none of these."""


def connection_on(descriptor: bytes) -> bytes:
    """The protocol of the internet's socket that a link such as `/proc/12/fd/0` leads to; empty for all else, and for
    what may not be seen or has gone.

    Only of a socket more than the link is read: another file's own file system would be asked, and may take its time
    (net/socket.c, sockfs_xattr_handlers; lsof(8) asks the same).
    """
    try:
        if not os.readlink(descriptor).startswith(b"socket:["):
            return b""
        name = os.getxattr(descriptor, "system.sockprotoname")
    except OSError:
        return b""
    protocol = name.rstrip(b"\0").removesuffix(b"v6").lower()
    return protocol if protocol in INTERNET else b""
