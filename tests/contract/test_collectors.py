"""What every collector promises: probes without side effects, never blocked by a full queue, leaves nothing behind."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from tempfile import NamedTemporaryFile

import pytest
from fakes import Emitted
from posture_scene import SECRET, app
from running import collecting, until

from collectors import posture_schedule
from collectors.procfs import Procfs
from collectors.registry import FACTORIES, Wiring
from collectors.task_view import Task
from sensor.config.settings import Settings
from sensor.model.clock import SystemClock
from sensor.model.codec import event_from_wire, to_wire
from sensor.model.counters import Counters
from sensor.model.protocols import HOST, Capability, Collector, Status

pytestmark = pytest.mark.kernel


class Contract:
    """One collector with what it needs."""

    def __init__(self, name: str) -> None:
        self.descriptors_before = descriptors()
        self.counters = Counters()
        clock = SystemClock()
        self.task = Task(instance="t", launcher=None, counters=self.counters, clock=clock, procfs=Procfs(), own_pid=-1)
        self.task.own_container, self.task.left_out = HOST, None  # tests may run in a container
        made = FACTORIES[name](
            Wiring(Settings(process="trace", network_loopback=True), self.task, self.counters, clock)
        )
        assert made is not None
        self.collector: Collector = made


@pytest.fixture(params=sorted(FACTORIES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=sorted(FACTORIES.keys() - {"process_trace"}))
def emitting(request: pytest.FixtureRequest) -> str:
    """Those that emit by themselves; what is traced is told by the cursor, which tests/kernel sees to."""
    return str(request.param)


@pytest.fixture(autouse=True)
def _containers_are_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posture_schedule, "FIRST_S", 0.0)


@pytest.fixture
def contract(name: str) -> Contract:
    return Contract(name)


@pytest.fixture
async def started(emitting: str) -> AsyncIterator[Contract]:
    """The task view runs, and this machine's root is known as a container's (the process collector sees to that)."""
    contract = Contract(emitting)
    contract.task.start()
    tracked = contract.task.track(os.getpid())
    assert tracked is not None
    contract.task.read(tracked)
    contract.task.settle(tracked)
    yield contract
    contract.task.close()


async def run_a_program(_: Contract) -> None:
    process = await asyncio.create_subprocess_exec("sleep", "0.1")
    await process.wait()


async def open_and_close_a_connection(_: Contract) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()


LISTEN = """
import socket, time
server = socket.create_server(("127.0.0.1", 0))
time.sleep(3.2)
"""


async def another_listens_for_a_moment(_: Contract) -> None:
    """Three looks long, a second apart: only the second tells of a socket whose owner the first did not find."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", LISTEN)
    await process.wait()


async def drop_a_program(_: Contract) -> None:
    with NamedTemporaryFile(dir="/tmp", prefix="sensor-contract-") as program:
        program.write(b"#!/bin/sh\n")
        os.fchmod(program.fileno(), 0o755)
        program.flush()
        await asyncio.sleep(0.2)  # long enough to be looked at


async def run_a_container_with_a_secret(contract: Contract) -> None:
    with app(contract.task, environ={"DB_PASSWORD": SECRET}):
        await asyncio.sleep(0.2)  # long enough to be looked at


STIR = {
    "process_cursor": run_a_program,
    "network_sockdiag": open_and_close_a_connection,
    "network_taps": open_and_close_a_connection,
    "network_procfs": another_listens_for_a_moment,
    "file_inotify": drop_a_program,
    "posture": run_a_container_with_a_secret,
}
"""For each collector, something that it must see."""


async def stirred_until(contract: Contract, emitted: Emitted, after: int = 0) -> None:
    """Stir until an event beyond the first `after` ones has come."""
    for _ in range(100):
        await STIR[contract.collector.name](contract)
        try:
            await until(lambda: len(emitted.events) > after, "an event of what happened", deadline=0.5)
        except AssertionError:
            continue
        return
    raise AssertionError(f"{contract.collector.name} saw nothing of what happened")


def descriptors() -> set[str]:
    return {f"{fd} {os.readlink(f'/proc/self/fd/{fd}')}" for fd in os.listdir("/proc/self/fd") if _open(fd)}


def _open(fd: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{fd}")


def test_the_name_is_the_key_in_the_registry(contract: Contract) -> None:
    assert FACTORIES[contract.collector.name]


def test_a_probe_answers_and_leaves_nothing_open(contract: Contract) -> None:
    before = descriptors()
    found = contract.collector.probe()
    assert isinstance(found, Capability)
    assert found.status is Status.OK or found.reason
    assert descriptors() == before


async def test_a_cancelled_run_releases_its_descriptors_and_can_be_run_again(started: Contract) -> None:
    for _ in range(2):
        async with collecting(started.collector, started.task) as emitted:
            await stirred_until(started, emitted)
    started.task.close()  # which holds roots and pidfds, for all collectors
    assert descriptors() - started.descriptors_before == set()


async def test_a_full_queue_neither_blocks_nor_ends_it(started: Contract) -> None:
    async with collecting(started.collector, started.task) as emitted:
        emitted.full = True
        await STIR[started.collector.name](started)
        assert emitted.events == []
        emitted.full = False
        await stirred_until(started, emitted)


async def test_what_it_emits_has_a_source_and_a_wire_form(started: Contract) -> None:
    async with collecting(started.collector, started.task) as emitted:
        await stirred_until(started, emitted)
        await stirred_until(started, emitted, len(emitted.events))
    for event in emitted.events:
        assert event_from_wire(to_wire(event)) == event
        assert event.evidence.source
