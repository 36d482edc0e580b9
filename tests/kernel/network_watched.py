"""An app's sockets under a collector of the network, on the real kernel and over loopback."""

import asyncio
from typing import Any

from app_process import AppProcess
from fakes import Emitted
from running import until
from scenes import printed_by

from collectors.netlink_socket import RECEIVE_BUFFER
from collectors.network_sockdiag import NetworkSockdiag
from collectors.network_state import NetworkState
from collectors.procfs import Procfs
from collectors.task_view import Task
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.events import Event, Missing, Network

PAIR = """
import socket
def listen(address="127.0.0.1", family=socket.AF_INET):
    global server
    server = socket.create_server((address, 0), family=family, dualstack_ipv6=family == socket.AF_INET6)
    return server.getsockname()[1]
def pair(address="127.0.0.1"):
    client = socket.create_connection((address, server.getsockname()[1]))
    return client, server.accept()[0]
def carry(client, accepted, there, back):
    client.sendall(b"x" * there)
    assert len(accepted.recv(there, socket.MSG_WAITALL)) == there
    accepted.sendall(b"y" * back)
    assert len(client.recv(back, socket.MSG_WAITALL)) == back
def end(client, accepted):
    client.close()
    assert accepted.recv(1) == b""
    accepted.close()
"""


class Watched:
    """A running collector, and an app that is not the sensor's own."""

    def __init__(self, app: AppProcess, emitted: Emitted, counters: Counters) -> None:
        self.app = app
        self.emitted = emitted
        self.counters = counters

    def events(self, kind: str, port: int) -> list[Event]:
        """What was told of sockets with this port at either end; other tests' sockets are left out."""
        return [e for e in self.emitted.of(kind) if port in (network_of(e).src_port, network_of(e).dst_port)]

    async def act(self, code: str) -> Any:
        """Have the app execute code, while the collector goes on."""
        return await asyncio.to_thread(self.app.do, code)

    async def both(self, kind: str, port: int) -> dict[str | None, Event]:
        """What is told of the two ends of the one connection to the port, by direction."""
        events = await until(lambda: len(found := self.events(kind, port)) == 2 and found, f"two of {kind}")
        assert events
        return {network_of(e).direction: e for e in events}


def network_of(event: Event) -> Network:
    assert event.network is not None
    return event.network


def pid_of(event: Event) -> int | None:
    return event.process.pid if event.process else None


def unsaid(event: Event) -> list[Missing]:
    """What is missing, but for how long it took: where the loop of a busy machine was held up nobody knows that."""
    return [missing for missing in event.evidence.missing if missing.reason != "its end was read late"]


def has_duration(event: Event) -> bool:
    """Or says that its end was read late."""
    return bool(network_of(event).duration_ms) or len(unsaid(event)) < len(event.evidence.missing)


def task_of(app: AppProcess, counters: Counters) -> Task:
    """A task view that knows the app; its `close` is the caller's."""
    task = Task(instance="test", launcher=None, counters=counters, clock=SystemClock(), procfs=Procfs(), own_pid=-1)
    task.start()
    task.track(app.pid)
    return task


def sockdiag(counters: Counters, *, loopback: bool = False, receive_buffer: int = RECEIVE_BUFFER) -> NetworkSockdiag:
    """The collector by itself, without taps."""
    state = NetworkState(counters=counters, clock=SystemClock(), loopback=loopback)
    return NetworkSockdiag(state=state, counters=counters, clock=SystemClock(), receive_buffer=receive_buffer)


def alone(script: str, *arguments: int) -> dict[str, Any]:
    """What a script beside this one prints as JSON when it is run in a network namespace of its own."""
    return dict(printed_by(f"kernel/{script}", *map(str, arguments), within=["unshare", "-n"]))
