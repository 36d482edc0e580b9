"""The collector on the real kernel: an app's sockets on loopback, and in a network namespace of its own."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from app_process import AppProcess
from fakes import FakeTaskView
from needs import Need
from network_watched import PAIR, Watched, alone, has_duration, network_of, pid_of, sockdiag, task_of, unsaid
from running import collecting, until
from scenes import namespaces

from collectors import netlink_socket, network_sockdiag, sockdiag_probe
from collectors.inet_diag import TCP, UDP, Decoded
from collectors.procfs import Procfs
from sensor.model.counters import Counters
from sensor.model.protocols import Status

pytestmark = pytest.mark.kernel


@pytest.fixture
def app() -> Iterator[AppProcess]:
    with AppProcess() as made:
        made.do(PAIR)
        yield made


@pytest_asyncio.fixture
async def watched(app: AppProcess) -> AsyncIterator[Watched]:
    counters = Counters()
    task = task_of(app, counters)
    async with collecting(sockdiag(counters, loopback=True), task) as emitted:
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

    assert pid_of(watched.events("network.listen", port)[0]) == watched.app.pid
    for way, event in ways.items():
        assert (pid_of(event), network_of(event).owner_evidence, network_of(event).outcome) == (
            watched.app.pid,
            "descriptor",
            "established",
        )
        assert (network_of(event).src_port == port) is (way == "inbound")

    watched.app.do("end(client, accepted)")
    flows = await watched.both("network.flow", port)
    out, into = network_of(flows["outbound"]), network_of(flows["inbound"])
    assert (out.bytes_out, out.bytes_in, into.bytes_out, into.bytes_in) == (1000, 70000, 70000, 1000)
    assert (out.rtt_us or 0) > 0
    for event in flows.values():
        assert pid_of(event) == watched.app.pid
        assert has_duration(event)
        assert unsaid(event) == []


async def test_500_connections_of_less_than_a_millisecond_are_flows_with_their_bytes(watched: Watched) -> None:
    port = watched.app.do(
        "for n in range(500):\n"
        "    client, accepted = pair(); carry(client, accepted, n + 1, 2 * n + 1); end(client, accepted)\n"
        "out = server.getsockname()[1]"
    )
    await until(lambda: len(watched.events("network.flow", port)) >= 1000, "1,000 flows")

    carried = [
        (network_of(e).direction, network_of(e).bytes_out, network_of(e).bytes_in)
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
    assert (network_of(flows["outbound"]).bytes_out, network_of(flows["outbound"]).bytes_in) == (100, back)
    assert (network_of(flows["inbound"]).bytes_out, network_of(flows["inbound"]).bytes_in) == (back, 100)


async def test_an_aborted_connection_that_was_seen_is_reset_and_keeps_its_port(watched: Watched) -> None:
    port = watched.app.do("client, accepted = pair(); out = server.getsockname()[1]")
    await watched.both("network.connect", port)
    watched.app.do("client.setsockopt(1, 13, bytes([1, 0, 0, 0, 0, 0, 0, 0])); client.close(); accepted.close()")
    flows = await watched.both("network.flow", port)

    out = network_of(flows["outbound"])
    assert (out.src, out.dst, out.dst_port, out.outcome) == ("127.0.0.1", "127.0.0.1", port, "reset")


async def test_a_refused_connect_is_a_flow_that_was_never_established(watched: Watched) -> None:
    source = watched.app.do(
        "import contextlib\nclient = socket.socket(); client.bind(('127.0.0.1', 0)); out = client.getsockname()[1]\n"
        "with contextlib.suppress(ConnectionRefusedError): client.connect(('127.0.0.1', 1))\n"
        "client.close()"
    )
    (event,) = await until(lambda: watched.events("network.flow", source), "the flow")

    assert (network_of(event).dst, network_of(event).outcome) == ("127.0.0.1", None)
    assert "network.outcome" in {m.field for m in event.evidence.missing}


async def test_a_connected_udp_socket_is_a_flow_without_bytes(watched: Watched) -> None:
    source = watched.app.do(
        "s = socket.socket(type=socket.SOCK_DGRAM); s.connect(('127.0.0.1', 9)); out = s.getsockname()[1]; s.close()"
    )
    (event,) = await until(lambda: watched.events("network.flow", source), "the flow")

    assert (network_of(event).transport, network_of(event).dst, network_of(event).dst_port) == ("udp", "127.0.0.1", 9)
    assert ("network.bytes_in", "unsupported") in [(m.field, m.reason) for m in event.evidence.missing]


async def test_udp_sockets_are_owned_while_open(watched: Watched) -> None:
    source = watched.app.do(
        "s = socket.socket(type=socket.SOCK_DGRAM); s.connect(('127.0.0.1', 9)); out = s.getsockname()[1]"
    )
    (event,) = await until(lambda: watched.events("network.connect", source), "the socket")
    assert (pid_of(event), network_of(event).outcome) == (watched.app.pid, None)


@pytest.mark.parametrize(("address", "shown"), [("::1", "::1"), ("127.0.0.1", "127.0.0.1")])
async def test_ipv6_and_ipv4_on_a_dual_stack_listener(watched: Watched, need: Need, address: str, shown: str) -> None:
    need(socket.has_ipv6, "IPv6")
    port = watched.app.do(
        f"out = listen('::', socket.AF_INET6); client, accepted = pair('{address}')\n"
        "carry(client, accepted, 5, 6); end(client, accepted)"
    )
    flows = await watched.both("network.flow", port)

    for event in flows.values():
        assert (network_of(event).src, network_of(event).dst) == (shown, shown)
    assert (network_of(flows["outbound"]).bytes_in, network_of(flows["inbound"]).bytes_in) == (6, 5)


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
        network_of(e).direction for e in watched.events("network.flow", port) + watched.events("network.connect", port)
    }
    assert told == {"inbound"}


async def test_loopback_is_silent_unless_asked_for(app: AppProcess) -> None:
    counters = Counters()
    task = task_of(app, counters)
    async with collecting(sockdiag(counters), task) as emitted:
        made = Watched(app, emitted, counters)
        port = app.do("out = listen(); client, accepted = pair(); end(client, accepted)")
        other = app.do("any = socket.create_server(('', 0)); out = any.getsockname()[1]")
        await until(lambda: made.events("network.listen", other), "a listener on every address")
    task.close()

    assert [made.events(kind, port) for kind in ("network.listen", "network.connect", "network.flow")] == [[], [], []]


def test_what_overflows_a_small_buffer_is_counted_exactly(need: Need) -> None:
    need(namespaces(), "unshare -n: CAP_SYS_ADMIN")
    seen = alone("network_namespace_scene.py", 3000, 5_000)

    lost = seen["losses"]["netlink_overflow"]
    assert lost > 1000
    assert seen["told"] + lost == 3001
    assert all((reason, bound) == ("netlink_overflow", "exact") for reason, bound, _ in seen["loss_events"])
    assert sum(count for _, _, count in seen["loss_events"]) == lost


def test_the_same_fits_into_the_default_buffer(need: Need) -> None:
    need(namespaces(), "unshare -n: CAP_SYS_ADMIN")
    need(_rmem_max() >= 4 << 20, "net.core.rmem_max of 4 MiB")
    seen = alone("network_namespace_scene.py", 3000, 8 << 20)

    assert (seen["told"], seen["losses"], seen["loss_events"]) == (3001, {}, [])


def _rmem_max() -> int:
    return int(Path("/proc/sys/net/core/rmem_max").read_text())


def test_the_probe_is_content_here(need: Need) -> None:
    found = sockdiag(Counters()).probe()
    need(found.status is Status.OK, f"sock_diag: {found.reason}")


def test_the_probe_names_a_small_buffer() -> None:
    found = sockdiag(Counters(), receive_buffer=100_000).probe()
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
    collector = sockdiag(counters, loopback=True)
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
    found = sockdiag(Counters()).probe()

    assert found.status is status
    assert found.reason
    assert found.mend
