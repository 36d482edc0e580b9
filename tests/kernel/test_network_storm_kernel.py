"""A storm of connections on the real kernel: what comes most goes by and is counted, the rest is seen, and then all."""

import select
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import pytest
import pytest_asyncio
from app_process import AppProcess
from needs import Need
from network_watched import PAIR, Watched, task_of
from running import DEADLINE_S, collecting, until

from collectors import network_state
from collectors.inet_diag import address_bytes
from collectors.netlink_socket import DestroyedSockets
from collectors.network_skip import Server, Skip, of_ends
from collectors.network_sockdiag import NetworkSockdiag
from collectors.network_state import NetworkState
from collectors.network_storm import NetworkStorm
from collectors.network_taps import NetworkTaps
from collectors.pace import Portion
from collectors.procfs import Procfs
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.protocols import Status

pytestmark = pytest.mark.kernel

HELD = 300
"""Connections that begin before a storm and end in it."""

SERVERS = (
    PAIR
    + """
import threading
def serve(s):
    while True:
        s.accept()[0].close()
def started(address, family=socket.AF_INET):
    s = socket.create_server((address, 0), family=family, dualstack_ipv6=family == socket.AF_INET6, backlog=500)
    threading.Thread(target=serve, args=(s,), daemon=True).start()
    return s.getsockname()[1]
def connect(port, times, address="127.0.0.1"):
    for _ in range(times):
        with socket.create_connection((address, port)) as c:
            c.recv(1)
def hold(port, times):
    global held
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(times)]
def let_go():
    for c in held:
        c.close()
"""
)


@pytest.fixture
def app() -> Iterator[AppProcess]:
    with AppProcess() as made:
        made.do(SERVERS)
        yield made


class Stormy(Watched):
    """With the storm's own state, and how many connections were made to the busy port."""

    storm: NetworkStorm
    made = 0

    async def rush(self, port: int, times: int) -> None:
        await self.act(f"connect({port}, {times})")
        self.made += times


@pytest_asyncio.fixture(params=["taps", "ends alone"])
async def stormy(
    request: pytest.FixtureRequest, app: AppProcess, need: Need, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stormy]:
    """Collectors with a twentieth of a core, of which five seconds may be saved up."""
    monkeypatch.setattr(network_state, "OTHERS", Portion(0.05, 0.01, 5.0))
    counters, clock = Counters(), SystemClock()
    task = task_of(app, counters)
    state = NetworkState(counters=counters, clock=clock, loopback=True, cores=lambda: 1.0)
    taps = NetworkTaps(state=state, counters=counters, clock=clock)
    ends = NetworkSockdiag(state=state, counters=counters, clock=clock)
    app.do("listen()")
    if request.param == "taps":
        capability = taps.probe()
        need(capability.status is Status.OK, f"NET_RAW: {capability.reason}")
        async with collecting(taps, task) as emitted, collecting(ends, task) as others:
            others.events = emitted.events
            await until(lambda: emitted.of("network.listen"), "the first dumps")
            made = Stormy(app, emitted, counters)
            made.storm = state.parts(task, emitted).storm
            yield made
    else:
        async with collecting(ends, task) as emitted:
            await until(lambda: emitted.of("network.listen"), "the first dumps")
            made = Stormy(app, emitted, counters)
            made.storm = state.parts(task, emitted).storm
            yield made
    task.close()


async def test_in_a_storm_the_busiest_server_goes_by_and_is_counted_and_others_are_seen(stormy: Stormy) -> None:
    busy, rare = await stormy.act("out = started('127.0.0.1'), started('127.0.0.1')")
    await stormy.act(f"hold({busy}, {HELD})")
    stormy.made += HELD

    while not stormy.storm.skip:
        await stormy.rush(busy, 100)
        assert stormy.made < 50_000, "the share is never used up"
    assert stormy.storm.skip == Skip(frozenset({Server(socket.AF_INET, address_bytes("127.0.0.1"), busy)}))
    await stormy.rush(busy, 200)
    await stormy.act("let_go()")
    skipping = bool(stormy.storm.skip)
    await stormy.act(f"connect({rare}, 1)")
    await until(lambda: len(stormy.events("network.flow", rare)) == 2, "both ends of the rare connection")
    await until(lambda: not stormy.storm.skip, "the end of the storm")
    told = sum(event.count for event in stormy.events("network.flow", busy)) / 2

    assert skipping
    assert told < stormy.made
    assert 2 * (stormy.made - told) <= stormy.counters.losses["connections_skipped"], "both ends are the task's"
    before = len(stormy.events("network.flow", busy))
    await stormy.rush(busy, 1)
    await until(lambda: len(stormy.events("network.flow", busy)) > before, "a connection after the storm")


@pytest.mark.parametrize(
    ("listening", "address", "family"),
    [
        ("127.0.0.1", "127.0.0.1", socket.AF_INET),
        ("::", "127.0.0.1", socket.AF_INET),
        ("::1", "::1", socket.AF_INET6),
    ],
    ids=["IPv4", "IPv4 to a socket for IPv6", "IPv6"],
)
def test_the_kernel_tells_no_end_of_a_skipped_server_and_all_others(
    app: AppProcess, need: Need, listening: str, address: str, family: int
) -> None:
    need(family == socket.AF_INET or socket.has_ipv6, "IPv6")
    kind = int(socket.AF_INET6 if ":" in listening else socket.AF_INET)
    busy, rare = app.do(f"out = started({listening!r}, {kind}), started({listening!r}, {kind})")
    with closing(DestroyedSockets(Procfs())) as ends:
        ends.filter(of_ends(Skip(frozenset({Server(family, address_bytes(address), busy)}))))
        app.do(f"connect({busy}, 5, {address!r})")
        app.do(
            f"with socket.socket({int(family)}, socket.SOCK_DGRAM) as s: s.connect(({address!r}, {busy}))\n"
            f"connect({rare}, 1, {address!r})"
        )
        heard: list[tuple[int | None, int]] = []
        while (socket.IPPROTO_TCP, rare) not in heard:
            assert select.select([ends.fileno()], [], [], DEADLINE_S)[0], "the end of the other connection"
            decoded = ends.receive()
            heard += [(one.protocol, one.dst_port) for one in (decoded.sockets if decoded else [])]
    assert (socket.IPPROTO_TCP, busy) not in heard
    assert (socket.IPPROTO_UDP, busy) in heard, "only connections are skipped"
