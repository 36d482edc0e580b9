"""Run by test_network_taps_kernel under `unshare -n`, with a rule of netfilter as ECS sets it up for Service Connect.

A peer in a network namespace of its own connects to an app's port, and is redirected to a proxy's. Prints what was
told.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from app_process import AppProcess
from loopback_interface import loopback_up
from network_watched import PAIR, network_of, pid_of, task_of
from pyroute2 import IPRoute
from running import collecting, until

from collectors.network_sockdiag import NetworkSockdiag
from collectors.network_state import NetworkState
from collectors.network_taps import NetworkTaps
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters

APP, PROXY = 8080, 15000
REDIRECT = ["iptables", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", str(APP), "-j", "REDIRECT"]
PEER = f"""
import socket, sys
from pyroute2 import IPRoute
print(flush=True)
sys.stdin.readline()
with IPRoute() as route:
    number = route.link_lookup(ifname="v1")[0]
    route.addr("add", index=number, address="192.0.2.2", prefixlen=24)
    route.link("set", index=number, state="up")
client = socket.create_connection(("192.0.2.1", {APP}))
client.sendall(b"x" * 10)
sys.stdin.readline()
client.close()
"""


@contextmanager
def peer() -> Iterator[subprocess.Popen[str]]:
    """Beyond a pair of interfaces; it connects at the first line that it gets, and ends at the next."""
    command = ["unshare", "-n", sys.executable, "-c", PEER]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as made,
        IPRoute() as route,
    ):
        assert made.stdout is not None
        made.stdout.readline()
        route.link("add", ifname="v0", kind="veth", peer={"ifname": "v1", "net_ns_fd": f"/proc/{made.pid}/ns/net"})
        (number,) = route.link_lookup(ifname="v0")
        route.addr("add", index=number, address="192.0.2.1", prefixlen=24)
        route.link("set", index=number, state="up")
        yield made


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


async def scene(connecting: subprocess.Popen[str]) -> list[object]:
    subprocess.run([*REDIRECT, "--to-ports", str(PROXY)], check=True)
    counters, clock = Counters(), SystemClock()
    state = NetworkState(counters=counters, clock=clock)
    with AppProcess() as app:
        task, pid = task_of(app, counters), app.pid
        app.do(PAIR + f"server = socket.create_server(('', {APP})); proxy = socket.create_server(('', {PROXY}))")
        taps = NetworkTaps(state=state, counters=counters, clock=clock)
        ends = NetworkSockdiag(state=state, counters=counters, clock=clock)
        async with collecting(taps, task) as emitted, collecting(ends, task) as others:
            others.events = emitted.events
            await until(lambda: len(emitted.of("network.listen")) == 2, "the first dumps")
            go_on(connecting)
            await asyncio.to_thread(app.do, "accepted = proxy.accept()[0]; accepted.recv(10, socket.MSG_WAITALL)")
            await until(lambda: emitted.of("network.connect"), "the connection")
            go_on(connecting)
            await asyncio.to_thread(app.do, "assert accepted.recv(1) == b''; accepted.close()")
            await until(lambda: emitted.of("network.flow"), "its end")
        task.close()
        return [
            (
                event.kind,
                network.direction,
                network.src_port,
                network.outcome,
                network.bytes_in,
                pid_of(event) == pid,
            )
            for event in emitted.events
            if (network := network_of(event)).direction != "listen"
        ]


loopback_up()
with peer() as connecting:
    print(json.dumps({"told": asyncio.run(scene(connecting))}))
