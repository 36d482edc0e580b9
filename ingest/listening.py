"""The socket that the endpoint listens on, bound before anything else so that a port in use is told at once."""

import os
import socket

from ingest.config import Address

BACKLOG = 64
"""Connections that wait to be taken. asyncio takes as many at once, and where it cannot, logs as many tracebacks."""


class CannotListen(Exception):
    """The address cannot be bound; the text says which and why."""


def listen(address: Address) -> socket.socket:
    """A listening TCP socket. `[::]` takes IPv4 as well. Raises `CannotListen`."""
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        dual = family == socket.AF_INET6 and address.host == "::" and socket.has_dualstack_ipv6()
        made = socket.create_server((address.host, address.port), family=family, backlog=BACKLOG, dualstack_ipv6=dual)
    except (OSError, UnicodeError) as error:
        reason = _reason(error)
        raise CannotListen(f"cannot listen on {address}: {reason}; name another with --listen HOST:PORT") from error
    # What is accepted inherits it. asyncio sets it only on sockets made with IPPROTO_TCP, which create_server does not
    # do, and without it answers in two writes wait 40 ms for the client's delayed acknowledgement.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def bound(listening: socket.socket) -> Address:
    """The address in use, with the port that the kernel chose where it was 0."""
    host, port = listening.getsockname()[:2]
    return Address(host, port)


def _reason(error: OSError | UnicodeError) -> str:
    """The system's own words; create_server adds the address to them, which our line has already."""
    if isinstance(error, OSError) and not isinstance(error, socket.gaierror) and error.errno:
        return os.strerror(error.errno)
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
