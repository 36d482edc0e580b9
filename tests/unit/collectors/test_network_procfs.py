"""The fallback over a fake /proc: probes, events, ends, and tables that lack or are torn."""

import asyncio
import socket
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio
from fakes import Emitted, FakeTaskView
from running import collecting, until

from collectors import network_procfs
from collectors.inet_diag import TCP, UDP
from collectors.network_procfs import NetworkProcfs, SocketLooks
from collectors.network_state import NetworkState
from collectors.procfs import Procfs
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.events import Event, Network
from sensor.model.protocols import Status

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LISTENER = "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 500 1\n"
CONNECTION = "   1: 0A000001:C350 0A000002:01BB 01 00000000:00000000 00:00000000 00000000  1000        0 501 1\n"
TIME_WAIT = "   2: 0A000001:C351 0A000002:01BB 06 00000000:00000000 03:00000000 00000000     0        0 0 3\n"
DATAGRAM = "   3: 00000000:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 502 2\n"


class Scene:
    """A fake /proc/net, and the collector over it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "net").mkdir()
        self.write(tcp="", udp="")
        self.counters = Counters()
        self.procfs = Procfs(str(root))
        self.needed = True
        state = NetworkState(counters=self.counters, clock=SystemClock(), procfs=self.procfs, loopback=True)
        self.collector = NetworkProcfs(
            state=state, counters=self.counters, clock=SystemClock(), needed=lambda: self.needed
        )

    def write(self, **tables: str) -> None:
        for name, lines in tables.items():
            new = self.root / "net" / "new"
            new.write_text(HEADER + lines)
            new.rename(self.root / "net" / name)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


class Watched(Emitted):
    """What is told while the process 42 holds the sockets."""

    def __init__(self) -> None:
        super().__init__()
        self.task = FakeTaskView()
        self.process = self.task.add(42, "c1", sockets=[500, 501, 502])


@pytest_asyncio.fixture
async def told(scene: Scene) -> AsyncIterator[Emitted]:
    watched = Watched()
    async with collecting(scene.collector, watched.task) as emitted:
        yield emitted


def network(event: Event) -> Network:
    assert event.network is not None
    return event.network


def test_it_stands_by_while_something_better_sees_connections(scene: Scene) -> None:
    scene.needed = False
    assert scene.collector.probe()[:2] == (Status.STANDBY, "network_sockdiag is in use")


def test_needed_it_says_what_it_cannot_see(scene: Scene) -> None:
    found = scene.collector.probe()
    assert found.status is Status.DEGRADED
    assert found.reason is not None
    assert "bytes not counted" in found.reason


def test_without_a_table_it_is_unavailable(scene: Scene) -> None:
    (scene.root / "net" / "tcp").unlink()
    assert scene.collector.probe().status is Status.UNAVAILABLE


async def test_what_is_there_is_told_with_its_owner_and_its_end_without_bytes(scene: Scene, told: Emitted) -> None:
    scene.write(tcp=LISTENER + CONNECTION + TIME_WAIT, udp=DATAGRAM)
    await until(lambda: len(told.of("network.listen")) == 2 and told.of("network.connect"), "all that is there")
    (connect,) = told.of("network.connect")
    assert connect.evidence.source == "proc_net"
    assert connect.process is not None
    assert network(connect).outcome == "established"

    scene.write(tcp=LISTENER)
    (flow,) = await until(lambda: told.of("network.flow"), "the end of the connection")
    assert (flow.process, flow.evidence.source) == (connect.process, "proc_net")
    assert (network(flow).bytes_in, network(flow).bytes_out, network(flow).dst_port) == (None, None, 443)
    assert network(flow).duration_ms is not None
    missing = {entry.field: entry.reason for entry in flow.evidence.missing}
    assert missing["network.bytes_in"] == missing["network.bytes_out"] == "not in /proc/net"
    assert not scene.counters.losses


async def test_it_ends_by_itself_once_something_better_sees_connections(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_procfs, "ASK_S", 0.001)
    running = asyncio.create_task(scene.collector.run(FakeTaskView(), Emitted()))
    await asyncio.wait({running}, timeout=0.05)
    assert not running.done()
    scene.needed = False
    await asyncio.wait_for(running, 5)


async def test_tables_that_are_gone_are_raised_for_the_supervisor(scene: Scene) -> None:
    for name in ("tcp", "udp"):
        (scene.root / "net" / name).unlink()
    (scene.root / "net").rmdir()
    with pytest.raises(OSError, match="gone"):
        await asyncio.wait_for(scene.collector.run(FakeTaskView(), Emitted()), 5)


async def test_a_machine_without_ipv6_has_no_such_sockets(scene: Scene) -> None:
    looks = SocketLooks(scene.procfs, scene.counters, count(1))
    try:
        dumped = [decoded for protocol in (TCP, UDP) for decoded in looks.dump(socket.AF_INET6, protocol)]
        assert [sock for decoded in dumped for sock in decoded.sockets] == []
    finally:
        looks.gone.close()


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_a_table_that_cannot_be_read_is_an_error_for_the_watch(scene: Scene, protocol: int) -> None:
    looks = SocketLooks(Procfs("/nonexistent"), scene.counters, count(1))
    try:
        with pytest.raises(OSError, match="gone"):
            list(looks.dump(socket.AF_INET, protocol))
    finally:
        looks.gone.close()


def test_malformed_lines_and_a_torn_end_are_counted_and_the_rest_is_told(scene: Scene) -> None:
    scene.write(tcp="garbage\n" + LISTENER + CONNECTION[:40])
    looks = SocketLooks(scene.procfs, scene.counters, count(1))
    try:
        found = [sock.inode for decoded in looks.dump(socket.AF_INET, TCP) for sock in decoded.sockets]
    finally:
        looks.gone.close()
    assert found == [500]
    assert scene.counters.losses == {"socket_table_malformed": 2}


def test_the_next_look_is_due_while_one_is_to_be_confirmed(scene: Scene) -> None:
    (scene.root / "net" / "snmp").write_text("Tcp: ActiveOpens PassiveOpens CurrEstab\nTcp: 1 2 3\n")
    for name in ("sockstat", "sockstat6"):
        (scene.root / "net" / name).write_text("TCP: inuse 1\n")
    looks = SocketLooks(scene.procfs, scene.counters, count(1))
    try:
        scene.write(tcp=CONNECTION)
        list(looks.dump(socket.AF_INET, TCP))
        before = looks.counts()
        scene.write(tcp="")
        list(looks.dump(socket.AF_INET, TCP))
        assert (before is not None, looks.counts()) == (True, None)
        assert looks.gone.receive() is None
        list(looks.dump(socket.AF_INET, TCP))
        assert looks.counts() == before
        assert looks.gone.receive() is not None
    finally:
        looks.gone.close()


async def test_what_an_earlier_run_has_shown_is_not_taken_for_what_a_later_one_shows(scene: Scene) -> None:
    scene.write(tcp=LISTENER)
    watched = Watched()
    async with collecting(scene.collector, watched.task) as told:
        await until(lambda: told.of("network.listen"), "the listener")
    scene.write(tcp=CONNECTION)
    async with collecting(scene.collector, watched.task) as told:
        (connect,) = await until(lambda: told.of("network.connect"), "the connection in its place")
    assert connect.process is not None
    assert connect.process.pid == 42
