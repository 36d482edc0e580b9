"""The looks at a container's programs leave the loop to others in between, and tell all that they find, in turn."""

import asyncio
import socket
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from fakes import Emitted, FakeClock, FakeTaskView

from collectors import posture
from collectors.environ import Secrets
from collectors.inet_diag import TCP
from collectors.posture import MOST_FOUND, MOST_REST_S, MOST_TOLD, RESTS, PostureWatch
from collectors.posture_facts import RunningProgram
from collectors.posture_schedule import FIRST_S, SECOND_S
from collectors.process_table import Tracked
from collectors.procfs import Procfs
from collectors.rights import Rights
from collectors.socket_table import Ends, Known, Owner
from sensor.model.events import Process, Timestamp
from sensor.model.protocols import HOST, Declared


async def test_each_program_is_followed_by_a_rest_of_many_times_what_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, rests = FakeClock(), list[float]()
    took = {"short": 0.001, "long": 0.02, "held up": 5.0}

    def read(_procfs: object, _gated: object, process: Tracked) -> None:
        clock.advance(took[process.comm])

    async def sleep(seconds: float) -> None:
        rests.append(round(seconds, 6))

    monkeypatch.setattr(posture, "read_program", read)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    task = SimpleNamespace(procfs=Procfs("/nowhere"), gated=None, declared=SimpleNamespace(mapped_ports=None))
    watch = PostureWatch(task=task, clock=clock)  # type: ignore[arg-type] # what it asks here
    members = [Tracked(n, str(n), 1, Timestamp(0), None, comm=comm) for n, comm in enumerate(took, 7)]
    await watch._facts("c", members)
    assert rests == [0.001 * RESTS, 0.02 * RESTS, MOST_REST_S]


async def test_what_has_ended_meanwhile_is_not_read_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (Tracked(n, str(n), 1, Timestamp(0), None, comm="x") for n in (7, 8))
    second.uid = 33
    read = list[int]()

    def read_program(_procfs: object, _gated: object, process: Tracked) -> None:
        read.append(process.pid)
        second.ended = 1.0

    monkeypatch.setattr(posture, "read_program", read_program)
    task = SimpleNamespace(procfs=Procfs("/nowhere"), gated=None, declared=SimpleNamespace(mapped_ports=None))
    watch = PostureWatch(task=task, clock=FakeClock())  # type: ignore[arg-type] # what it asks here
    await watch._facts("c", [first, second])
    assert read == [7]


class Scene:
    """A watch over a task that is made up: its processes, sockets and containers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = FakeClock()
        self.view = FakeTaskView(own_container="sensor")
        self.task = SimpleNamespace(
            procfs=Procfs("/nowhere"),
            gated=None,
            declared=Declared(frozenset()),
            living=lambda: self.members,
            own_container="sensor",
            on_program=None,
        )
        self.members = list[Tracked]()
        self.listeners = list[Known]()
        self.secrets: dict[int, Secrets] = {}
        self.reading: Callable[[], None] = lambda: None
        self.emitted = Emitted()
        self.watch = PostureWatch(task=self.task, clock=self.clock, listeners=lambda: self.listeners)  # type: ignore[arg-type] # what it asks here
        monkeypatch.setattr(posture, "read_program", self.read)

    def read(self, _procfs: object, _gated: object, process: Tracked) -> RunningProgram:
        self.reading()
        return RunningProgram(process, Rights(1000, frozenset(), 2), self.secrets.get(process.pid, Secrets()))

    def add(self, pid: int = 7, *secrets: str, cut: bool = False, container: str = "c", comm: str = "app") -> Tracked:
        process = Tracked(pid, str(pid), 1, Timestamp(0), None, comm=comm, container=container)
        process.uid = pid
        self.secrets[pid] = Secrets(secrets, cut)
        self.members.append(process)
        return process

    async def look(self, container: str = "c") -> None:
        await self.watch._look(container, self.emitted)

    def told(self) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        return [(event.posture.found, event.evidence.truncated) for event in self.emitted.events if event.posture]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    made = Scene(monkeypatch)
    made.watch.container_started("c")
    return made


async def test_what_does_not_fit_into_one_event_is_told_by_the_next(scene: Scene) -> None:
    names = tuple(f"SECRET_{n}" for n in range(MOST_FOUND + 8))
    scene.add(7, *names)
    for _ in range(3):
        await scene.look()

    cut = ("posture.found",)
    assert scene.told() == [(names[:MOST_FOUND], cut), ((*names[MOST_FOUND:], *names[: MOST_FOUND - 8]), cut)]


async def test_of_what_never_ends_so_much_is_told(scene: Scene) -> None:
    scene.add(7, *(f"SECRET_{n}" for n in range(2 * MOST_TOLD)))
    for _ in range(2 * MOST_TOLD // MOST_FOUND):
        await scene.look()

    assert len(scene.told()) == MOST_TOLD // MOST_FOUND


async def test_of_a_container_that_has_ended_meanwhile_nothing_is_told(scene: Scene) -> None:
    scene.add(7, "API_KEY")
    scene.reading = lambda: scene.watch.container_stopped("c")
    await scene.look()

    assert (scene.told(), scene.watch.status().reason) == ([], None)


async def test_of_what_was_cut_only_that_without_a_finding_is_in_the_status_while_it_is_there(scene: Scene) -> None:
    scene.add(7, cut=True)
    scene.add(8, "API_KEY", cut=True)
    await scene.look()
    assert (scene.watch.status().reason or "").startswith("the environment of 1 programs is longer")

    scene.watch.container_stopped("c")
    assert scene.watch.status().reason is None


async def test_a_listener_is_its_containers_and_one_without_a_program_to_look_at_waits(scene: Scene) -> None:
    def listener(container: str, port: int) -> Known:
        ends = Ends(bytes(16), port, bytes(16), 0)
        return Known(socket.AF_INET, TCP, ends, None, owner=Owner(Process("7", 7), container))

    scene.listeners = [listener("c", 1111), listener("another", 2222)]
    await scene.look()
    assert scene.told() == []
    scene.add()
    await scene.look()
    assert scene.told() == [(("tcp 0.0.0.0:1111",), ())]


async def test_pause_is_let_go_of(scene: Scene) -> None:
    scene.add(1, "API_KEY", comm="pause")
    await scene.look()
    assert (scene.told(), scene.watch._schedule.next_due()) == ([], None)


@pytest.mark.parametrize("container", ["sensor", HOST])
def test_the_sensors_own_container_and_the_machine_are_not_looked_at(scene: Scene, container: str) -> None:
    scene.watch.container_started(container)
    assert not scene.watch._schedule.knows(container)


async def test_it_listens_while_it_runs_and_hears_of_programs_of_the_application(scene: Scene) -> None:
    running = asyncio.create_task(scene.watch.run(scene.view, scene.emitted))
    await asyncio.sleep(0)
    scene.view.start_container("c")
    scene.clock.advance(FIRST_S)
    assert scene.watch._schedule.take(scene.clock.monotonic()) == "c"
    scene.clock.advance(SECOND_S)
    assert scene.watch._schedule.take(scene.clock.monotonic()) == "c"
    due = scene.watch._schedule.next_due()
    for session, own in (("exec", False), (None, True)):
        process = scene.add()
        process.session, process.own = session, own
        scene.task.on_program(process)
        assert scene.watch._schedule.next_due() == due
    scene.task.on_program(scene.add())
    assert scene.watch._schedule.next_due() != due

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert scene.task.on_program is None
    scene.view.start_container("d")
    assert not scene.watch._schedule.knows("d")
