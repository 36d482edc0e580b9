"""Both collectors together on the real kernel: owners and outcomes of connections, and DNS, over loopback."""

import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

import pytest
import pytest_asyncio
from app_process import AppProcess
from needs import Need
from network_watched import PAIR, Watched, alone, has_duration, network_of, pid_of, task_of
from running import collecting, until
from scenes import namespaces

from collectors import bpf, packet_filter
from collectors.netlink_socket import DestroyedSockets
from collectors.network_sockdiag import NetworkSockdiag
from collectors.network_state import NetworkState
from collectors.network_taps import NetworkTaps
from collectors.packet_filter import Loopback
from collectors.packet_tap import PacketTap
from collectors.procfs import Procfs
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.protocols import Status

pytestmark = pytest.mark.kernel

DNS_SERVER = """
import socket, struct, threading
def answer(query):
    return query[:2] + b"\\x81\\x80" + query[4:6] + b"\\0\\1\\0\\0\\0\\0" + query[12:] + (
        b"\\xc0\\x0c\\0\\1\\0\\1" + struct.pack("!IH", 60, 4) + socket.inet_aton("127.0.0.1"))
def serve_udp(s):
    while True:
        query, peer = s.recvfrom(512)
        s.sendto(answer(query), peer)
def serve_tcp(s):
    while True:
        with s.accept()[0] as c:
            query = c.recv(512)[2:]
            data = answer(query)
            c.sendall(struct.pack("!H", len(data)) + data)
def ask(name):
    labels = b"".join(bytes([len(part)]) + part for part in name.encode().split(b"."))
    return struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + labels + b"\\0\\0\\1\\0\\1"
u = socket.socket(type=socket.SOCK_DGRAM); u.bind(("127.53.0.1", 53))
t = socket.create_server(("127.53.0.1", 53))
for target, s in ((serve_udp, u), (serve_tcp, t)):
    threading.Thread(target=target, args=(s,), daemon=True).start()
"""


@pytest.fixture(autouse=True)
def taps_work(need: Need) -> None:
    found = NetworkTaps(
        state=NetworkState(counters=Counters(), clock=SystemClock()), counters=Counters(), clock=SystemClock()
    )
    capability = found.probe()
    need(capability.status is Status.OK, f"NET_RAW: {capability.reason}")


@pytest.fixture
def app() -> Iterator[AppProcess]:
    with AppProcess() as made:
        made.do(PAIR)
        yield made


async def both(app: AppProcess, loopback: bool) -> AsyncIterator[Watched]:
    counters, clock = Counters(), SystemClock()
    task = task_of(app, counters)
    state = NetworkState(counters=counters, clock=clock, loopback=loopback)
    taps = NetworkTaps(state=state, counters=counters, clock=clock)
    ends = NetworkSockdiag(state=state, counters=counters, clock=clock)
    async with collecting(taps, task) as emitted, collecting(ends, task) as others:
        others.events = emitted.events  # one queue, as in the sensor
        await until(lambda: emitted.of("network.listen"), "the first dumps")
        yield Watched(app, emitted, counters)
    task.close()


@pytest_asyncio.fixture
async def watched(app: AppProcess) -> AsyncIterator[Watched]:
    app.do("listen()")
    async for made in both(app, loopback=True):
        yield made


@pytest_asyncio.fixture
async def quiet(app: AppProcess) -> AsyncIterator[Watched]:
    """Without loopback; a listener on every address shows that the dumps are there."""
    app.do("any = socket.create_server(('', 0))")
    async for made in both(app, loopback=False):
        yield made


async def test_a_connection_of_a_moment_has_its_process_on_both_sides(watched: Watched) -> None:
    port = await watched.act(
        "import time; client, accepted = pair(); carry(client, accepted, 5, 7); time.sleep(0.005)\n"
        "end(client, accepted); out = server.getsockname()[1]"
    )
    connects, flows = await watched.both("network.connect", port), await watched.both("network.flow", port)

    for event in (*connects.values(), *flows.values()):
        assert (pid_of(event), network_of(event).outcome) == (watched.app.pid, "established")
        assert network_of(event).owner_evidence in ("descriptor", "recent")
    assert all(map(has_duration, flows.values()))


@pytest.mark.parametrize(("address", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
async def test_a_refused_connect_is_told_with_its_destination(
    watched: Watched, need: Need, address: str, family: int
) -> None:
    need(family == socket.AF_INET or socket.has_ipv6, "IPv6")
    source = await watched.act(
        f"import contextlib\nclient = socket.socket({int(family)}); client.bind(({address!r}, 0))\n"
        "out = client.getsockname()[1]\n"
        f"with contextlib.suppress(ConnectionRefusedError): client.connect(({address!r}, 1))\nclient.close()"
    )
    for kind in ("network.connect", "network.flow"):
        (event,) = await until(lambda kind=kind: watched.events(kind, source), kind)  # type: ignore[misc]  # as above
        network = network_of(event)
        assert (network.dst, network.dst_port, network.outcome) == (address, 1, "refused")


@pytest.mark.parametrize("who", ["client", "accepted"])
async def test_a_connection_that_either_end_aborts_is_reset(watched: Watched, who: str) -> None:
    port = await watched.act(
        f"client, accepted = pair(); carry(client, accepted, 3, 4)\n"
        f"{who}.setsockopt(1, 13, bytes([1, 0, 0, 0, 0, 0, 0, 0])); {who}.close(); client.close(); accepted.close()\n"
        "out = server.getsockname()[1]"
    )
    flows = await watched.both("network.flow", port)

    assert {network_of(flow).outcome for flow in flows.values()} == {"reset"}
    assert network_of(flows["outbound"]).dst_port == port


async def test_a_connect_without_an_answer_has_timed_out(watched: Watched) -> None:
    """The queue of a listener that accepts nobody is full: the kernel drops further SYNs."""
    source = await watched.act(
        "full = socket.socket(); full.bind(('127.0.0.1', 0)); full.listen(0); queued = []\n"
        "for _ in range(4):\n"
        "    c = socket.socket(); c.setblocking(False); c.connect_ex(full.getsockname()); queued.append(c)\n"
        "last = socket.socket(); last.settimeout(0.7)\n"
        "try:\n    last.connect(full.getsockname())\nexcept TimeoutError:\n    pass\n"
        "out = last.getsockname()[1]; last.close()"
    )
    (flow,) = await until(lambda: watched.events("network.flow", source), "the flow")
    (connect,) = watched.events("network.connect", source)

    assert (network_of(flow).outcome, network_of(flow).dst, pid_of(flow)) == ("timed_out", "127.0.0.1", watched.app.pid)
    assert (network_of(connect).outcome, pid_of(connect)) == (None, watched.app.pid)


async def test_connections_of_a_busy_server_have_their_process_by_its_descriptor(watched: Watched) -> None:
    port = await watched.act(
        "import os, time\nmany = [os.open('/dev/null', os.O_RDONLY) for _ in range(900)]\n"
        "client, accepted = pair(); time.sleep(0.3); end(client, accepted); out = server.getsockname()[1]"
    )
    flows = await watched.both("network.flow", port)

    for flow in flows.values():
        assert (pid_of(flow), network_of(flow).owner_evidence) == (watched.app.pid, "descriptor")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_dns_exchange_is_told_and_names_later_connections(quiet: Watched, need: Need, transport: str) -> None:
    await quiet.act(DNS_SERVER)
    if transport == "udp":
        await quiet.act(
            "q = socket.socket(type=socket.SOCK_DGRAM); q.connect(('127.53.0.1', 53))\n"
            "q.send(ask('db.example.org')); q.recv(512)"
        )
    else:
        await quiet.act(
            "q = socket.create_connection(('127.53.0.1', 53)); data = ask('db.example.org')\n"
            "q.sendall(struct.pack('!H', len(data)) + data); q.recv(512)"
        )
    (event,) = await until(lambda: quiet.emitted.of("dns.query"), "the exchange")

    assert event.dns is not None
    assert (event.dns.question, event.dns.type, event.dns.rcode) == ("db.example.org", "A", "NOERROR")
    assert (event.dns.answers, event.dns.server) == (("A 127.0.0.1",), "127.53.0.1")
    assert (pid_of(event), network_of(event).transport, network_of(event).dst_port) == (quiet.app.pid, transport, 53)


async def test_loopback_is_silent_but_for_dns_and_service_connect(quiet: Watched) -> None:
    port = await quiet.act("out = listen(); client, accepted = pair(); end(client, accepted)")
    proxied = await quiet.act(
        "out = listen('127.255.0.1'); client, accepted = pair('127.255.0.1'); end(client, accepted)"
    )
    await until(lambda: len(quiet.events("network.flow", proxied)) == 2, "both ends of the proxied connection")

    assert quiet.events("network.connect", port) + quiet.events("network.flow", port) == []


async def test_an_address_that_was_asked_for_names_the_connection(watched: Watched) -> None:
    await watched.act(DNS_SERVER)
    await watched.act(
        "q = socket.socket(type=socket.SOCK_DGRAM); q.connect(('127.53.0.1', 53))\n"
        "q.send(ask('db.example.org')); q.recv(512)"
    )
    await until(lambda: watched.emitted.of("dns.query"), "the exchange")
    port = await watched.act("client, accepted = pair(); end(client, accepted); out = server.getsockname()[1]")
    flows = await watched.both("network.flow", port)

    assert network_of(flows["outbound"]).hostname == "db.example.org"
    assert network_of(flows["inbound"]).hostname is None


def test_where_nothing_waits_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(PacketTap(bpf.NOTHING)) as tap, closing(DestroyedSockets(Procfs())) as ends:
        ends.filter(bpf.NOTHING)
        while ends.receive() is not None:
            pass
        assert tap.receive() is None  # and takes the error of each interface that is down
        with monkeypatch.context() as reading:
            reading.setattr(tap, "_tapped", {})
            reading.setattr(ends, "_socket", None)
            assert (tap.receive(), ends.receive()) == (None, None)


@pytest.fixture
def interfaces_seen(need: Need) -> dict[str, Any]:
    need(namespaces(), "unshare -n: CAP_SYS_ADMIN")
    return alone("interfaces_scene.py")


def test_an_interface_that_comes_later_or_was_down_is_followed_too(interfaces_seen: dict[str, Any]) -> None:
    over_both = [["v0", True], ["v1", False]]
    assert interfaces_seen["at first"] == [["lo", True]]
    assert interfaces_seen["later"] == over_both
    assert interfaces_seen["down and up again"] == over_both
    assert interfaces_seen["removed and made anew"] == over_both


def test_what_came_before_its_interface_went_is_received_or_counted(interfaces_seen: dict[str, Any]) -> None:
    received, dropped = interfaces_seen["of an interface that went"]
    assert received > 0
    assert dropped > 0
    assert interfaces_seen["sent"] <= received + dropped <= 2 * interfaces_seen["sent"]  # received ones may come late


def test_where_interfaces_are_not_told_one_tap_has_each_packet_once(interfaces_seen: dict[str, Any]) -> None:
    assert interfaces_seen["all as one"] == [["lo", True]]


def test_what_overflows_a_tap_is_counted_exactly(need: Need) -> None:
    need(namespaces(), "unshare -n: CAP_SYS_ADMIN")
    seen = alone("packet_tap_scene.py", 500, 4096)

    assert seen["dropped"] > 0
    assert seen["received"] + seen["dropped"] == 500


def test_a_connection_to_service_connect_which_netfilter_redirects_has_its_process(need: Need) -> None:
    need(namespaces(), "unshare -n: CAP_SYS_ADMIN")
    need(_redirects(), "iptables with nat")
    assert alone("service_connect_scene.py")["told"] == [
        ["network.connect", "outbound", "127.255.0.1", "established", None, True],
        ["network.flow", "outbound", "127.255.0.1", "established", 20, True],
    ]


def test_a_connection_that_netfilter_redirects_from_an_apps_port_to_its_proxy_is_one(need: Need) -> None:
    """Whether it is accepted nothing shows before its end: no packet has the ends of the socket that accepts it."""
    need(namespaces(), "unshare -n: CAP_SYS_ADMIN")
    need(_redirects(), "iptables with nat")
    assert alone("service_connect_ingress_scene.py")["told"] == [
        ["network.connect", "inbound", 8080, None, None, True],
        ["network.flow", "inbound", 8080, "established", 10, True],
    ]


def _redirects() -> bool:
    asked = ["unshare", "-n", "iptables", "-t", "nat", "-L"]
    return bool(shutil.which("iptables")) and subprocess.run(asked, capture_output=True, check=False).returncode == 0


def test_the_filter_passes_what_it_should_and_nothing_else() -> None:
    lo = socket.if_nametoindex("lo")
    with (
        closing(PacketTap(packet_filter.openings(Loopback(lo, everything=True)))) as every,
        closing(PacketTap(packet_filter.openings(Loopback(lo, ports=frozenset({15001}))))) as few,
        closing(PacketTap(packet_filter.answers(Loopback(lo, everything=True)))) as answers,
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()[:2]) as client,
    ):
        client.sendall(b"payload")
        flags = [packet.data[33] for packet in iter(every.receive, None) if packet.data[9] == socket.IPPROTO_TCP]
        back = [packet.data[33] for packet in iter(answers.receive, None)]
        assert 0x02 in flags
        assert all(flag & 0x17 == 0x02 for flag in flags)
        assert 0x12 in back
        assert all(flag & 0x12 == 0x12 or flag & 0x04 for flag in back)
        assert [p for p in iter(few.receive, None) if client.getsockname()[1].to_bytes(2, "big") in p.data[20:24]] == []
