"""The collector on the real kernel: an app's sockets on loopback, and in a network namespace of its own."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from app_process import AppProcess
from fakes import Emitted, FakeTaskView
from needs import Need
from running import collecting, until
from scenes import namespaces, printed_by

from collectors import netlink_socket, network_sockdiag, sockdiag_probe
from collectors.inet_diag import TCP, UDP, Decoded
from collectors.network_sockdiag import NetworkSockdiag
from collectors.procfs import Procfs
from collectors.task_view import Task
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.events import Event, Network
from sensor.model.protocols import Status

pytestmark = pytest.mark.kernel

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
        return [e for e in self.emitted.of(kind) if port in (_network(e).src_port, _network(e).dst_port)]

    async def both(self, kind: str, port: int) -> dict[str | None, Event]:
        """What is told of the two ends of the one connection to the port, by direction."""
        events = await until(lambda: len(found := self.events(kind, port)) == 2 and found, f"two of {kind}")
        assert events
        return {_network(e).direction: e for e in events}


def _network(event: Event) -> Network:
    assert event.network is not None
    return event.network


def _pid(event: Event) -> int | None:
    return event.process.pid if event.process else None


@pytest.fixture
def app() -> Iterator[AppProcess]:
    with AppProcess() as made:
        made.do(PAIR)
        yield made


@pytest_asyncio.fixture
async def watched(app: AppProcess) -> AsyncIterator[Watched]:
    counters, clock = Counters(), SystemClock()
    task = Task(instance="test", launcher=None, counters=counters, clock=clock, procfs=Procfs(), own_pid=-1)
    task.start()
    task.track(app.pid)
    collector = NetworkSockdiag(counters=counters, clock=clock, loopback=True)
    async with collecting(collector, task) as emitted:
        port = app.do("out = listen()")
        made = Watched(app, emitted, counters)
        await until(lambda: made.events("network.listen", port), "the listener")
        yield made
    task.close()


async def test_a_listener_and_both_ends_of_a_connection_have_their_process(watched: Watched) -> None:
    port = watched.app.do(
        "client, accepted = pair(); carry(client, accepted, 1000, 70000); out = server.getsockname()[1]"
    )
    ways = await watched.both("network.connect", port)

    assert _pid(watched.events("network.listen", port)[0]) == watched.app.pid
    for way, event in ways.items():
        assert (_pid(event), _network(event).owner_evidence, _network(event).outcome) == (
            watched.app.pid,
            "descriptor",
            "established",
        )
        assert (_network(event).src_port == port) is (way == "inbound")

    watched.app.do("end(client, accepted)")
    flows = await watched.both("network.flow", port)
    out, into = _network(flows["outbound"]), _network(flows["inbound"])
    assert (out.bytes_out, out.bytes_in, into.bytes_out, into.bytes_in) == (1000, 70000, 70000, 1000)
    assert (out.rtt_us or 0) > 0
    for event in flows.values():
        assert _pid(event) == watched.app.pid
        assert _network(event).duration_ms is not None
        assert event.evidence.missing == ()


async def test_500_connections_of_less_than_a_millisecond_are_flows_with_their_bytes(watched: Watched) -> None:
    port = watched.app.do(
        "for n in range(500):\n"
        "    client, accepted = pair(); carry(client, accepted, n + 1, 2 * n + 1); end(client, accepted)\n"
        "out = server.getsockname()[1]"
    )
    await until(lambda: len(watched.events("network.flow", port)) >= 1000, "1,000 flows")

    carried = [
        (_network(e).direction, _network(e).bytes_out, _network(e).bytes_in)
        for e in watched.events("network.flow", port)
    ]
    out = [("outbound", n + 1, 2 * n + 1) for n in range(500)]
    into = [("inbound", 2 * n + 1, n + 1) for n in range(500)]
    assert sorted(carried) == sorted(out + into)
    assert not watched.counters.losses


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("the server closes first", "accepted.close(); client.recv(1); client.close()"),
        ("neither reads the end", "accepted.close(); client.close()"),
        ("half closed", "client.shutdown(1); accepted.recv(1); accepted.close(); client.recv(1); client.close()"),
        (
            "data left unread, so reset",
            "accepted.sendall(b'zz'); client.recv(2, socket.MSG_PEEK); client.close(); accepted.close()",
        ),
    ],
)
async def test_bytes_are_exact_however_it_ends(watched: Watched, how: str, code: str) -> None:
    port = watched.app.do(
        f"client, accepted = pair(); carry(client, accepted, 100, 7); {code}; out = server.getsockname()[1]"
    )
    flows = await watched.both("network.flow", port)

    back = 9 if "unread" in how else 7
    assert (_network(flows["outbound"]).bytes_out, _network(flows["outbound"]).bytes_in) == (100, back)
    assert (_network(flows["inbound"]).bytes_out, _network(flows["inbound"]).bytes_in) == (back, 100)


async def test_an_aborted_connection_that_was_seen_is_reset_and_keeps_its_port(watched: Watched) -> None:
    port = watched.app.do("client, accepted = pair(); out = server.getsockname()[1]")
    await watched.both("network.connect", port)
    watched.app.do("client.setsockopt(1, 13, bytes([1, 0, 0, 0, 0, 0, 0, 0])); client.close(); accepted.close()")
    flows = await watched.both("network.flow", port)

    out = _network(flows["outbound"])
    assert (out.src, out.dst, out.dst_port, out.outcome) == ("127.0.0.1", "127.0.0.1", port, "reset")


async def test_a_refused_connect_is_a_flow_that_was_never_established(watched: Watched) -> None:
    source = watched.app.do(
        "import contextlib\nclient = socket.socket(); client.bind(('127.0.0.1', 0)); out = client.getsockname()[1]\n"
        "with contextlib.suppress(ConnectionRefusedError): client.connect(('127.0.0.1', 1))\n"
        "client.close()"
    )
    (event,) = await until(lambda: watched.events("network.flow", source), "the flow")

    assert (_network(event).dst, _network(event).outcome) == ("127.0.0.1", None)
    assert "network.outcome" in {m.field for m in event.evidence.missing}


async def test_a_connected_udp_socket_is_a_flow_without_bytes(watched: Watched) -> None:
    source = watched.app.do(
        "s = socket.socket(type=socket.SOCK_DGRAM); s.connect(('127.0.0.1', 9)); out = s.getsockname()[1]; s.close()"
    )
    (event,) = await until(lambda: watched.events("network.flow", source), "the flow")

    assert (_network(event).transport, _network(event).dst, _network(event).dst_port) == ("udp", "127.0.0.1", 9)
    assert ("network.bytes_in", "unsupported") in [(m.field, m.reason) for m in event.evidence.missing]


async def test_udp_sockets_are_owned_while_open(watched: Watched) -> None:
    source = watched.app.do(
        "s = socket.socket(type=socket.SOCK_DGRAM); s.connect(('127.0.0.1', 9)); out = s.getsockname()[1]"
    )
    (event,) = await until(lambda: watched.events("network.connect", source), "the socket")
    assert (_pid(event), _network(event).outcome) == (watched.app.pid, None)


@pytest.mark.parametrize(("address", "shown"), [("::1", "::1"), ("127.0.0.1", "127.0.0.1")])
async def test_ipv6_and_ipv4_on_a_dual_stack_listener(watched: Watched, need: Need, address: str, shown: str) -> None:
    need(socket.has_ipv6, "IPv6")
    port = watched.app.do(
        f"out = listen('::', socket.AF_INET6); client, accepted = pair('{address}')\n"
        "carry(client, accepted, 5, 6); end(client, accepted)"
    )
    flows = await watched.both("network.flow", port)

    for event in flows.values():
        assert (_network(event).src, _network(event).dst) == (shown, shown)
    assert (_network(flows["outbound"]).bytes_in, _network(flows["inbound"]).bytes_in) == (6, 5)


async def test_the_sensors_own_connections_are_never_told_however_short(watched: Watched) -> None:
    port = watched.app.do(
        "import threading\n"
        "def answer():\n"
        "    while True: server.accept()[0].close()\n"
        "threading.Thread(target=answer, daemon=True).start()\n"
        "out = server.getsockname()[1]"
    )
    for _ in range(50):
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", 1)
    await until(lambda: watched.counters.seen["own_sockets"] >= 51, "51 own sockets counted")
    await until(lambda: len(watched.events("network.flow", port)) >= 50, "the app's ends of them")

    told = {
        _network(e).direction for e in watched.events("network.flow", port) + watched.events("network.connect", port)
    }
    assert told == {"inbound"}


async def test_loopback_is_silent_unless_asked_for(app: AppProcess) -> None:
    counters, clock = Counters(), SystemClock()
    task = Task(instance="test", launcher=None, counters=counters, clock=clock, procfs=Procfs(), own_pid=-1)
    task.start()
    task.track(app.pid)
    async with collecting(NetworkSockdiag(counters=counters, clock=clock), task) as emitted:
        made = Watched(app, emitted, counters)
        port = app.do("out = listen(); client, accepted = pair(); end(client, accepted)")
        other = app.do("any = socket.create_server(('', 0)); out = any.getsockname()[1]")
        await until(lambda: made.events("network.listen", other), "a listener on every address")
    task.close()

    assert [made.events(kind, port) for kind in ("network.listen", "network.connect", "network.flow")] == [[], [], []]


def test_what_overflows_a_small_buffer_is_counted_exactly(need: Need) -> None:
    need(namespaces(), "unshare -n: CAP_SYS_ADMIN")
    seen = _scene(3000, 50_000)

    lost = seen["losses"]["netlink_overflow"]
    assert lost > 1000
    assert seen["told"] + lost == 3001
    assert all((reason, bound) == ("netlink_overflow", "exact") for reason, bound, _ in seen["loss_events"])
    assert sum(count for _, _, count in seen["loss_events"]) == lost


def test_the_same_fits_into_the_default_buffer(need: Need) -> None:
    need(namespaces(), "unshare -n: CAP_SYS_ADMIN")
    need(_rmem_max() >= 4 << 20, "net.core.rmem_max of 4 MiB")
    seen = _scene(3000, 8 << 20)

    assert (seen["told"], seen["losses"], seen["loss_events"]) == (3001, {}, [])


def _rmem_max() -> int:
    return int(Path("/proc/sys/net/core/rmem_max").read_text())


def _scene(sockets: int, receive_buffer: int) -> dict[str, Any]:
    arguments = (str(sockets), str(receive_buffer))
    return dict(printed_by("kernel/network_namespace_scene.py", *arguments, within=["unshare", "-n"]))


def test_the_probe_is_content_here(need: Need) -> None:
    found = NetworkSockdiag(counters=Counters(), clock=SystemClock()).probe()
    need(found.status is Status.OK, f"sock_diag: {found.reason}")


def test_the_probe_names_a_small_buffer() -> None:
    found = NetworkSockdiag(counters=Counters(), clock=SystemClock(), receive_buffer=100_000).probe()
    assert found.status is Status.OK
    assert found.reason is not None
    assert "100000 bytes" in found.reason


class Denied:
    """Stands in for the stream of ends where a seccomp profile forbids its groups."""

    def __init__(self, _procfs: Procfs, _receive_buffer: int) -> None:
        raise PermissionError(errno.EPERM, "denied")


async def test_without_the_groups_open_sockets_are_still_seen(app: AppProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_sockdiag, "DestroyedSockets", Denied)
    monkeypatch.setattr(sockdiag_probe, "DestroyedSockets", Denied)
    counters = Counters()
    collector = NetworkSockdiag(counters=counters, clock=SystemClock(), loopback=True)
    port = app.do("out = listen()")
    found = collector.probe()
    async with collecting(collector, FakeTaskView()) as emitted:
        made = Watched(app, emitted, counters)
        await until(lambda: made.events("network.listen", port), "the listener")

    assert found.status is Status.DEGRADED
    assert "no flows" in (found.reason or "")
    assert counters.losses == {"network_ends_denied": 1}


@pytest.mark.parametrize(
    ("lacking", "status"), [((UDP,), Status.DEGRADED), ((TCP,), Status.UNAVAILABLE), ((TCP, UDP), Status.UNAVAILABLE)]
)
def test_the_probe_tells_which_dumps_are_not_answered(
    monkeypatch: pytest.MonkeyPatch, lacking: tuple[int, ...], status: Status
) -> None:
    real = netlink_socket.dump

    def dump(family: int, protocol: int, states: int | None = None) -> Generator[Decoded, None, None]:
        asked = 253 if protocol in lacking else protocol  # for experiments (RFC 3692): no kernel has it
        return real(family, asked, states)

    monkeypatch.setattr(netlink_socket, "dump", dump)
    found = NetworkSockdiag(counters=Counters(), clock=SystemClock()).probe()

    assert found.status is status
    assert found.reason
    assert found.mend
