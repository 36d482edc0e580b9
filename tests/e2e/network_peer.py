"""A container outside of the task with which apps talk: it answers, keeps, aborts, or never accepts.

Run by `python3 -c`, standard library only; `SOURCE` is this file's text. Every port serves IPv4 and IPv6.
"""

import os
import signal
import socket
import socketserver
import struct
from collections.abc import Callable
from pathlib import Path

ANSWER = 9000
"""Takes a request as `REQUEST` has it, and answers it."""
KEEP = 9001
"""Accepts, and keeps what it has accepted."""
SINK = 9003
"""Takes datagrams."""
QUICK = range(9010, 9014)
"""Answer 64 bytes with 256 and close first, one after the other: for many short connections."""
SWALLOW = range(9020, 9030)
"""Never answer a SYN: their queues of connections to accept are full."""
CLOSED = range(9100, 9140)
"""Nobody listens there."""

REQUEST = struct.Struct("!IIB")
"""Bytes that follow, bytes wanted back, and who ends the connection."""
CLIENT_CLOSES, SERVER_CLOSES, SERVER_RESETS = range(3)
NO_LINGER = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: close(2) sends RST (socket(7))."""

READY = "listening"
SOURCE = Path(__file__).read_text() if "__file__" in globals() else ""


def receive(connection: socket.socket, size: int) -> bytes:
    """Exactly so many bytes."""
    data = connection.recv(size, socket.MSG_WAITALL) if size else b""
    if len(data) != size:
        raise ConnectionError(f"{len(data)} of {size} bytes")
    return data


class Answering(socketserver.BaseRequestHandler):
    """One request, its answer, and the end that it asks for."""

    def handle(self) -> None:
        size, back, end = REQUEST.unpack(receive(self.request, REQUEST.size))
        receive(self.request, size)
        self.request.sendall(b"y" * back)
        if end == CLIENT_CLOSES:
            self.request.recv(1)
        elif end == SERVER_RESETS:
            receive(self.request, 1)  # the client has read everything
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)


class Server(socketserver.ThreadingTCPServer):
    """A thread for each connection, and no shutdown before its end, which would send a FIN before the RST."""

    address_family = socket.AF_INET6
    request_queue_size = 4096
    daemon_threads = True

    def shutdown_request(self, request: socket.socket) -> None:
        request.close()

    def handle_error(self, _request: object, _address: object) -> None:
        """Clients abort on purpose."""


def answer() -> None:
    """Serve `ANSWER`."""
    Server(("::", ANSWER), Answering).serve_forever()


def keep() -> None:
    """Serve `KEEP`."""
    server = listen(KEEP, 4096)
    kept = []
    while True:
        kept.append(server.accept())


def quick(port: int) -> None:
    """Serve one of `QUICK`."""
    server, reply = listen(port, 4096), b"y" * 256
    while True:
        connection, _ = server.accept()
        with connection:
            connection.recv(64, socket.MSG_WAITALL)
            connection.sendall(reply)


def sink() -> None:
    """Take what comes to `SINK`."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
        server.bind(("::", SINK))
        while True:
            server.recv(65_536)


def swallow() -> None:
    """Fill the queues of `SWALLOW` over loopback, and never accept (tcp_conn_request drops the SYN then)."""
    servers = [listen(port, 0) for port in SWALLOW]
    fillers = [socket.create_connection(("127.0.0.1", port)) for port in SWALLOW]
    print(READY, len(servers) == len(fillers), flush=True)
    signal.pause()


def listen(port: int, backlog: int) -> socket.socket:
    """A listener for both families."""
    return socket.create_server(("::", port), family=socket.AF_INET6, backlog=backlog, dualstack_ipv6=True)


def apart(serve: Callable[..., None], *arguments: int) -> None:
    """In a process of its own."""
    if os.fork() == 0:
        serve(*arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for served in (answer, keep, sink):
        apart(served)
    for number in QUICK:
        apart(quick, number)
    swallow()
