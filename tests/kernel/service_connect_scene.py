"""Run by test_network_taps_kernel under `unshare -n`, with a rule of netfilter as ECS sets it up for Service Connect.

An app connects to an address of 127.255.0.0/16, whose packets are redirected to a proxy's port. Prints what was told.
"""

import asyncio
import json
import subprocess

from app_process import AppProcess
from loopback_interface import loopback_up
from network_watched import PAIR, network_of, pid_of, task_of
from running import collecting, until

from collectors.network_sockdiag import NetworkSockdiag
from collectors.network_state import NetworkState
from collectors.network_taps import NetworkTaps
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters

REDIRECT = ["iptables", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "-d", "127.255.0.0/16", "-j", "REDIRECT"]
EXCHANGE = """
server = socket.create_server(("127.0.0.1", 15001))
client = socket.create_connection(("127.255.0.1", 80))
accepted = server.accept()[0]
carry(client, accepted, 10, 20)
"""


async def scene() -> list[object]:
    loopback_up()
    subprocess.run([*REDIRECT, "--to-ports", "15001"], check=True)
    counters, clock = Counters(), SystemClock()
    state = NetworkState(counters=counters, clock=clock)
    with AppProcess() as app:
        task = task_of(app, counters)
        app.do(PAIR + "listener = socket.create_server(('', 0))")
        taps = NetworkTaps(state=state, counters=counters, clock=clock)
        ends = NetworkSockdiag(state=state, counters=counters, clock=clock)
        async with collecting(taps, task) as emitted, collecting(ends, task) as others:
            others.events = emitted.events
            await until(lambda: emitted.of("network.listen"), "the first dumps")
            await asyncio.to_thread(app.do, EXCHANGE)
            await until(lambda: emitted.of("network.connect"), "the connection")
            await asyncio.to_thread(app.do, "end(client, accepted)")
            await until(lambda: emitted.of("network.flow"), "its end")
        task.close()
        return [
            (event.kind, network.direction, network.dst, network.outcome, network.bytes_in, pid_of(event) == app.pid)
            for event in emitted.events
            if (network := network_of(event)).direction != "listen"
        ]


print(json.dumps({"told": asyncio.run(scene())}))
