"""Run by test_network_procfs_kernel in processes of their own: `tables` under `unshare -n`, where nobody else's sockets
come and go, and `denied` behind a seccomp filter that refuses every netlink socket. Prints what was found as JSON.
"""

import asyncio
import ctypes
import errno
import json
import platform
import socket
import struct
import sys
import time
from collections.abc import Callable
from itertools import count

from app_process import AppProcess
from fakes import Emitted
from loopback_interface import loopback_up
from running import until

from collectors import netlink_socket
from collectors.inet_diag import FIN_WAIT1, LISTEN, InetSocket, address_text
from collectors.network_procfs import SocketLooks
from collectors.procfs import Procfs
from collectors.registry import FACTORIES, Wiring
from collectors.task_view import Task
from sensor.app.supervisor import Supervisor
from sensor.config.settings import Settings
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters

AF_NETLINK = 16
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 0x7FFF0000, 0x00050000
BPF_LOAD_WORD, BPF_JUMP_IF_EQUAL, BPF_RETURN = 0x20, 0x15, 0x06
SOCKET_CALL = {"x86_64": 41, "aarch64": 198}  # __NR_socket

MANY = 2000


class SockFprog(ctypes.Structure):
    """struct sock_fprog (include/uapi/linux/filter.h)."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def deny_netlink() -> None:
    """From now on socket(AF_NETLINK, …) fails with EPERM in this process, as behind a strict profile."""
    number, first_argument = 0, 16  # offsets in struct seccomp_data, the argument's low half on these machines
    program = b"".join(
        struct.pack("=HBBI", *step)
        for step in (
            (BPF_LOAD_WORD, 0, 0, number),
            (BPF_JUMP_IF_EQUAL, 0, 3, SOCKET_CALL[platform.machine()]),
            (BPF_LOAD_WORD, 0, 0, first_argument),
            (BPF_JUMP_IF_EQUAL, 0, 1, AF_NETLINK),
            (BPF_RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.EPERM),
            (BPF_RETURN, 0, 0, SECCOMP_RET_ALLOW),
        )
    )
    libc = ctypes.CDLL(None, use_errno=True)
    filters = SockFprog(len(program) // 8, program)
    for call in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filters), 0, 0),
    ):
        if libc.prctl(*call) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def facts(sock: InetSocket) -> list[object]:
    ends = (address_text(sock.family, sock.src), sock.src_port, address_text(sock.family, sock.dst), sock.dst_port)
    queues = () if sock.state == LISTEN else (sock.receive_queue, sock.send_queue)  # a backlog there
    return [int(sock.family), sock.state, *ends, *queues, sock.uid, sock.inode]


def dumped() -> list[list[object]]:
    return [facts(s) for kind in netlink_socket.KINDS for d in netlink_socket.dump(*kind) for s in d.sockets]


def looked(looks: SocketLooks) -> list[list[object]]:
    return [facts(s) for kind in netlink_socket.KINDS for d in looks.dump(*kind) for s in d.sockets]


def scenery(opened: list[socket.socket]) -> None:
    """Every kind of socket, IPv4 and IPv6, and an IPv4 client of a dual-stack listener."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        server = socket.create_server((address, 0), family=family)
        client, waiting = (socket.create_connection(server.getsockname()[:2]) for _ in range(2))
        accepted = server.accept()[0]
        client.sendall(b"x" * 1000)
        bound, connected = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
        bound.bind((address, 0))
        connected.connect(bound.getsockname())
        connected.send(b"y" * 10)
        opened += [server, client, waiting, accepted, bound, connected]
        half, other = socket.create_connection(server.getsockname()[:2]), server.accept()[0]
        half.close()
        opened.append(other)
    both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    opened += [both, socket.create_connection(("127.0.0.1", both.getsockname()[1])), both.accept()[0]]


def tables() -> dict[str, object]:
    """What both ways show of the same sockets, few and many."""
    loopback_up()
    opened: list[socket.socket] = []
    scenery(opened)
    wait_until(lambda: all(state != FIN_WAIT1 for _, state, *_ in dumped()))  # the other end says soon that it knows
    counters = Counters()
    looks = SocketLooks(Procfs(), counters, count(1))
    found = {"dumped": dumped(), "looked": looked(looks)}
    server = socket.create_server(("127.0.0.1", 0), backlog=MANY)
    for _ in range(MANY):
        opened += [socket.create_connection(server.getsockname()), server.accept()[0]]
    found |= {"dumped_many": dumped(), "looked_many": looked(looks)}
    for one in opened:
        one.close()
    return found | {"losses": dict(counters.losses)}


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it never came to be"


async def denied() -> dict[str, object]:
    """The collectors of a sensor that gets no netlink socket, supervised as in the sidecar."""
    with AppProcess() as app:
        deny_netlink()
        counters, clock = Counters(), SystemClock()
        task = Task(instance="t", launcher=None, counters=counters, clock=clock, procfs=Procfs(), own_pid=-1)
        task.start()
        task.track(app.pid)
        wiring = Wiring(Settings(network_loopback=True), task, counters, clock)
        made = [FACTORIES[name](wiring) for name in ("network_sockdiag", "network_procfs")]
        supervisor = Supervisor(
            [c for c in made if c is not None], counters=counters, clock=SystemClock(), changed=lambda: None
        )
        emitted = Emitted()
        supervisor.start(task, emitted)
        try:
            app.do("import socket; server = socket.create_server(('127.0.0.1', 0))")
            port = app.do("client = socket.create_connection(server.getsockname()); out = client.getsockname()[1]")
            app.do("accepted = server.accept()[0]")
            await until(lambda: told(emitted, "network.connect", port, 2), "both ends")
            app.do("client.close(); accepted.close()")
            await until(lambda: told(emitted, "network.flow", port, 2), "their ends")
        finally:
            await supervisor.stop()
            task.close()
        events = {kind: told(emitted, kind, port, 2) for kind in ("network.connect", "network.flow")}
        return {
            "health": {name: list(health) for name, health in supervisor.health().items()},
            "pid": app.pid,
            "told": {kind: [shown(event) for event in found] for kind, found in events.items()},
            "losses": dict(counters.losses),
        }


def told(emitted: Emitted, kind: str, port: int, count: int) -> list:
    found = [e for e in emitted.of(kind) if e.network and port in (e.network.src_port, e.network.dst_port)]
    return found if len(found) >= count else []


def shown(event) -> list[object]:
    return [event.network.direction, event.process and event.process.pid, event.network.outcome, event.evidence.source]


if __name__ == "__main__":
    print(json.dumps(tables() if sys.argv[1] == "tables" else asyncio.run(denied())))
