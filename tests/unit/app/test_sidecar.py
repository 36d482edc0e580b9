"""The sidecar is told to stop: it stops, whatever becomes of the question who told it."""

import asyncio
import errno
import signal
import threading

import pytest
from running import until

from collectors.task_view import Task
from sensor.app import sidecar as sidecar_module
from sensor.app.sidecar import Sidecar
from sensor.app.stopping import Stopping
from sensor.config.handover import Handover, View
from sensor.config.settings import Settings
from sensor.containers.task_metadata import TaskMetadata
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.events import Event, Process
from sensor.model.events import Task as TaskFacts


@pytest.fixture
def sidecar() -> Sidecar:
    return Sidecar(Handover(Settings(ingest_url="http://127.0.0.1:1")), None, Counters())


async def test_it_stops_though_the_sender_cannot_be_looked_up(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_descriptor(self: Task, pid: int) -> Process | None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Task, "process", no_descriptor)
    sidecar._told_to_stop(7)
    assert (sidecar._stop.is_set(), sidecar._hurry.is_set()) == (True, False)
    assert caplog.messages == ["who sent the sensor a signal (PID 7) could not be looked up"]
    sidecar._told_to_stop(7)
    assert sidecar._hurry.is_set()


@pytest.mark.parametrize(("cpus", "cores"), [(None, 0.25), (1.5, 1.5)])
async def test_a_pod_has_what_was_provisioned_for_it_unless_its_cores_were_set(
    cpus: float | None, cores: float
) -> None:
    settings = Settings(ingest_url="http://127.0.0.1:1", pod_capacity="0.25vCPU 0.5GB", cpus=cpus)
    sidecar = Sidecar(Handover(settings), None, Counters())

    assert (sidecar._task.cores, sidecar._memory_limit) == (cores, 512 << 20)


async def test_another_container_that_tells_it_to_stop_is_told_of(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Task, "process", lambda self, pid: Process("e1", pid, exe="/bin/kill"))
    monkeypatch.setattr(Task, "container_of", lambda self, pid: "c1")
    sidecar._told_to_stop(7)
    assert sidecar._stop.is_set()
    (health,) = sidecar._own_process.health().values()
    assert health.reason == "told to stop by PID 7 (/bin/kill) of container c1, not by the platform"


async def test_who_lets_it_go_on_after_a_stop_is_told(sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Task, "process", lambda self, pid: Process("e1", pid, exe="/bin/kill"))
    monkeypatch.setattr(Task, "container_of", lambda self, pid: "c1")
    sidecar._continued(7)
    assert not sidecar._stop.is_set()
    (health,) = sidecar._own_process.health().values()
    assert str(health.reason).endswith("told to go on by PID 7 (/bin/kill) of container c1")


async def test_what_a_hidden_quota_leaves_holds_though_the_metadata_is_read_again(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sidecar_module, "LOOK_S", 0)
    monkeypatch.setattr(sidecar._hidden_quota, "look", lambda: 0.125)
    governing = asyncio.create_task(sidecar._govern())
    await until(lambda: sidecar._task.cores == 0.125, "a look")
    governing.cancel()
    found = TaskMetadata(TaskFacts("ecs-ec2"), {})
    sidecar._learn(found)
    assert sidecar._task.cores == 0.125
    sidecar._learn(found._replace(cores=0.0625))
    assert sidecar._task.cores == 0.0625


async def test_what_is_lost_while_the_rest_is_delivered_is_told_by_the_last_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counters, put = Counters(), list[Event]()
    handover = Handover(Settings(destinations=("stdout",)), view=View.JSON)
    sidecar = Sidecar(handover, None, counters)

    async def flush(_deadline: float) -> None:
        if not put:
            counters.lost("stalled")
            sidecar._beat()  # as whoever looks at the sensor itself does

    monkeypatch.setattr(sidecar._outlet, "flush", flush)
    monkeypatch.setattr(sidecar._outlet, "put", put.append)
    sidecar._beating = asyncio.create_task(asyncio.Event().wait())
    await sidecar._finish(asyncio.create_task(asyncio.sleep(0)), Stopping(5, SystemClock()))

    assert [(event.kind, event.loss and event.loss.reason) for event in put] == [
        ("sensor.loss", "stalled"),
        ("sensor.stop", None),
    ]
    assert counters.losses == {"stalled": 1}


async def test_what_waits_is_delivered_though_the_last_report_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sidecar = Sidecar(Handover(Settings(destinations=("stdout",)), view=View.JSON), None, Counters())
    flushed = list[float]()

    async def flush(deadline: float) -> None:
        flushed.append(deadline)

    def fails(_added: float) -> list[Event]:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(sidecar._outlet, "flush", flush)
    monkeypatch.setattr(sidecar._heartbeat, "stop", fails)
    sidecar._beating = asyncio.create_task(asyncio.Event().wait())
    await sidecar._finish(asyncio.create_task(asyncio.sleep(0)), Stopping(1, SystemClock()))
    assert len(flushed) == 2
    assert "a report could not be made" in caplog.messages


@pytest.mark.parametrize(("node", "ends"), [("fargate-ip-10-0-0-1", True), (None, False)])
@pytest.mark.parametrize("parked", [(), ("ingest_url: missing",)])
async def test_in_a_pod_it_ends_where_no_other_container_comes(
    node: str | None, ends: bool, parked: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sidecar_module, "FIRST_S", 0.0)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    settings = Settings(ingest_url="http://127.0.0.1:1", node_name=node)
    sidecar = Sidecar(Handover(settings, parked), None, Counters())
    waiting = asyncio.ensure_future(sidecar._until_alone())
    await asyncio.sleep(0.05)
    assert (waiting.done(), sidecar._stop.is_set()) == (ends, ends)
    waiting.cancel()


def test_a_pids_limit_leaves_the_whole_stop_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    handover = Handover(Settings(ingest_url="http://127.0.0.1:1"), ("parked: nothing is collected",))
    sidecar, flushed = Sidecar(handover, None, Counters()), list[float]()
    parked = list[object]()

    async def flush(deadline: float) -> None:
        flushed.append(deadline)

    def refused(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def stopped(_enriching: object) -> None:
        await asyncio.to_thread(lambda: None)  # a loop that has used a thread wants one more to be closed
        sidecar._hurry.set()
        monkeypatch.setattr(threading.Thread, "start", refused)

    monkeypatch.setattr(sidecar._outlet, "flush", flush)
    monkeypatch.setattr(sidecar, "_until_stopped", stopped)
    monkeypatch.setattr(sidecar_module, "Sidecar", lambda *_: sidecar)
    monkeypatch.setattr(sidecar_module, "listen", lambda *_: None)
    monkeypatch.setattr(signal, "pthread_sigmask", lambda *_: None)
    monkeypatch.setattr(signal, "sigwait", parked.append)
    try:
        code = sidecar_module.run(handover, None, ())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert (code, len(flushed), parked) == (0, 2, [])
